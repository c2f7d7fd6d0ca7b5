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

    @Test func `the holder of a port is who holds it at that address, or at every address`() throws
    {
        let loop = try Loop()
        defer { loop.close() }
        let own = try StreamListener(loop, on: Endpoint(host: "127.77.1.1", port: 0)) { $0.close() }
        defer { own.close() }
        let port = try #require(own.endpoint?.port)
        let holder = "process \(getpid()) ("
        #expect(
            SocketHolder.describe(Endpoint(host: "127.77.1.1", port: port))?.hasPrefix(holder)
                == true)
        #expect(SocketHolder.describe(Endpoint(host: "127.77.1.2", port: port)) == nil)
        #expect(SocketHolder.describe(Endpoint(host: "::1", port: port)) == nil)
        #expect(
            SocketHolder.describe(Endpoint(host: "0.0.0.0", port: port))?.hasPrefix(holder) == true,
            "who wants every address meets it")
        let all = try StreamListener(loop, on: Endpoint(host: "0.0.0.0", port: 0)) { $0.close() }
        defer { all.close() }
        let common = try #require(all.endpoint?.port)
        #expect(
            SocketHolder.describe(Endpoint(host: "127.77.1.2", port: common))?.hasPrefix(holder)
                == true)
    }

    @Test func `a foreign command line is one harmless line, and says where it is cut`() throws {
        let loop = try Loop()
        let child = try ChildProcess(
            loop,
            ChildSpecification(
                executable: "/bin/bash",
                arguments: [
                    // No child of its own could outlive it and hold what the tests write to.
                    "-c", "kill -STOP $$; :", "a\nb\u{1B}[2J", String(repeating: "x", count: 200),
                ])
        ) { _ in }
        defer {
            _ = try? child.kill(SIGKILL)
            loop.run()
        }
        let line = try #require(ProcessEntry(processID: child.pid)).commandLine
        #expect(line.contains("a b\u{FFFD}[2J") && line.hasSuffix("x…"), "\(line)")
        #expect(line.count == 120)
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
