// The real /proc, real processes and sockets; the host's settings only in a tree of our own.

import Base
import EventLoop
import Glibc
import Testing

@testable import Host

@Suite(.serialized, .timeLimit(.minutes(1)))
struct HostTests {
    private let patience = Duration.seconds(10)

    // MARK: - Processes

    @Test func `this process knows itself`() throws {
        let own = try #require(ProcessIdentity.current)
        #expect(own.processID == getpid())
        #expect(own.isAlive)
        #expect(ProcessIdentity(json: own.json) == own)
        #expect(ProcessEntry(processID: getpid())?.parent == getppid())
        #expect(ProcessEntry(processID: getpid())?.session == getsid(0))
    }

    @Test func `a number that was given to another process is another process`() throws {
        let own = try #require(ProcessIdentity.current)
        let earlier = ProcessIdentity(
            processID: own.processID, startTicks: own.startTicks - 1, boot: own.boot)
        let otherBoot = ProcessIdentity(
            processID: own.processID, startTicks: own.startTicks, boot: "another")
        for stranger in [earlier, otherBoot] {
            #expect(!stranger.isAlive)
            // Would end this test if it reached us.
            #expect(!stranger.send(signal: SIGKILL))
        }
    }

    @Test func `a signal reaches its process until that is gone`() throws {
        let loop = try Loop()
        var exit: ChildExit?
        let child = try ChildProcess(
            loop, ChildSpecification(executable: "sleep", arguments: ["1000"])
        ) { exit = $0 }
        let identity = try #require(ProcessIdentity(of: child.pid))
        #expect(ProcessTable().descendants(of: getpid()).contains { $0.identity == identity })
        #expect(identity.send(signal: SIGTERM))
        #expect(loop.run(within: patience) { exit != nil })
        #expect(exit == .signalled(SIGTERM))
        #expect(!identity.isAlive)
        #expect(!identity.send(signal: SIGTERM))
    }

    @Test func `names with parentheses and spaces are read`() throws {
        let loop = try Loop()
        var directory = Array("/tmp/glm-host-XXXXXX".utf8CString)
        let path = String(cString: try #require(mkdtemp(&directory)))
        defer { try? Files.removeTree(path) }
        let name = "a) (b c"
        symlink("/bin/sleep", "\(path)/\(name)")
        let child = try ChildProcess(
            loop, ChildSpecification(executable: "\(path)/\(name)", arguments: ["1000"])
        ) { _ in }
        let entry = try #require(ProcessEntry(processID: child.pid))
        #expect(entry.name == name)
        #expect(entry.parent == getpid())
        #expect(entry.commandLine.hasSuffix("1000"))
        try child.kill(SIGKILL)
        loop.run()
    }

    // MARK: - Facts

    @Test func `the loopback has its addresses`() throws {
        let facts = HostFacts.current()
        let loopback = try #require(facts.interface(of: "127.0.0.1"))
        #expect(loopback.isLoopback && loopback.isUp)
        #expect(facts.interface(of: "127.0.0.77") == loopback)
        #expect(facts.owns("127.0.0.1"))
        #expect(!facts.owns("192.0.2.1"))
        #expect(!facts.hostName.isEmpty)
    }

    @Test func `an interface is found by any of its addresses`() {
        let link = NetworkInterface(
            name: "enp1", addresses: ["10.0.0.5", "fe80::1"], isUp: true, isLoopback: false)
        let facts = HostFacts(hostName: "a", interfaces: [link])
        #expect(facts.interface(of: "fe80::1")?.name == "enp1")
        #expect(facts.interface(of: "10.0.0.6") == nil)
    }

    // MARK: - Tuning

    private func withTree(_ body: (String) throws -> Void) throws {
        var template = Array("/tmp/glm-host-XXXXXX".utf8CString)
        let root = String(cString: try #require(mkdtemp(&template)))
        defer { try? Files.removeTree(root) }
        let files = [
            "proc/sys/vm/swappiness": "60\n", "proc/sys/net/ipv4/tcp_rmem": "4096\t8192\t16384\n",
            "proc/sys/net/ipv4/conf/eth0.5/forwarding": "0\n",
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave\n",
            "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "performance\n",
            "sys/devices/system/cpu/cpufreq/policy0/scaling_governor": "powersave\n",
        ]
        for (name, text) in files {
            let path = "\(root)/\(name)"
            let directory = path[..<(path.lastIndex(of: "/") ?? path.startIndex)]
            try Files.makeDirectories(String(directory))
            try Files.replace(path, with: Array(text.utf8))
        }
        try body(root)
    }

    @Test func `only what differs is named and written`() throws {
        try withTree { root in
            let tuner = SystemHostTuner(root: root)
            let wanted: [HostSetting] = [
                .sysctl(name: "vm.swappiness", value: "0"),
                .sysctl(name: "net.ipv4.tcp_rmem", value: "4096 8192 16384"),
                .sysctl(name: "net.ipv4.conf.eth0/5.forwarding", value: "1"),
                .governor("performance"),
            ]
            let cpu0 = "\(root)/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
            #expect(
                tuner.differences(from: wanted).map(\.description) == [
                    "vm.swappiness=0: \(root)/proc/sys/vm/swappiness is 60",
                    "net.ipv4.conf.eth0/5.forwarding=1: "
                        + "\(root)/proc/sys/net/ipv4/conf/eth0.5/forwarding is 0",
                    "CPU governor performance: \(cpu0) is powersave",
                ])
            #expect(tuner.apply(wanted).isEmpty)
            #expect(tuner.differences(from: wanted).isEmpty)
            let written = try Files.read(cpu0)
            #expect(written.starts(with: "performance\n".utf8))
        }
    }

    @Test func `what is not there is told`() throws {
        try withTree { root in
            let missing = HostSetting.sysctl(name: "kernel.none", value: "1")
            let found = SystemHostTuner(root: root).apply([missing])
            #expect(found.map(\.wanted) == [missing])
            #expect(found.first?.found.contains("/proc/sys/kernel/none") == true)
            let bare = SystemHostTuner(root: root + "/nothing")
            #expect(
                bare.differences(from: [.governor("performance")]).map(\.found)
                    == ["no CPU here has a governor"])
        }
    }

    @Test func `a rehearsal's tuner only writes down`() {
        let tuner = RecordingHostTuner()
        let setting = HostSetting.governor("performance")
        #expect(tuner.differences(from: [setting]).map(\.wanted) == [setting])
        #expect(tuner.apply([setting]).isEmpty)
        #expect(tuner.differences(from: [setting]).isEmpty)
        #expect(tuner.applied == [setting])
    }

    // MARK: - The service manager

    private func receiveDatagram(
        at name: String, _ send: () -> Void
    ) throws -> String {
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(descriptor) }
        var address = try #require(ServiceNotifier.address(name))
        let bound = withUnsafePointer(to: &address.storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, address.length)
            }
        }
        try #require(bound == 0)
        send()
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        return String(decoding: buffer[..<max(0, count)], as: UTF8.self)
    }

    @Test(arguments: ServiceNotifier.Message.allCases)
    func `one message is one datagram`(message: ServiceNotifier.Message) throws {
        for name in ["/tmp/glm-host-notify-\(getpid())", "@glm-host-notify-\(getpid())"] {
            defer { unlink(name) }
            let text = try receiveDatagram(at: name) {
                #expect(ServiceNotifier(socketPath: name).send(message))
            }
            #expect(text == message.rawValue)
        }
    }

    @Test func `without a service manager nothing is sent`() {
        #expect(!ServiceNotifier(socketPath: nil).send(.ready))
        #expect(!ServiceNotifier(socketPath: "/no/such/socket").send(.ready))
        #expect(!ServiceNotifier(socketPath: String(repeating: "x", count: 200)).send(.ready))
    }

    @Test func `the environment is taken, so that no child speaks for the agent`() {
        setenv("NOTIFY_SOCKET", "/run/x", 1)
        setenv("WATCHDOG_USEC", "3000000", 1)
        setenv("WATCHDOG_PID", String(getpid()), 1)
        let notifier = ServiceNotifier.takingFromEnvironment()
        #expect(notifier.watchdogInterval == .seconds(3))
        for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] {
            #expect(getenv(name) == nil)
        }
        setenv("WATCHDOG_USEC", "3000000", 1)
        setenv("WATCHDOG_PID", "1", 1)
        #expect(ServiceNotifier.takingFromEnvironment().watchdogInterval == nil)
    }
}
