// Settings of a host are changed only where they differ, and put back as they were: on a tree of our own.

import Ascend
import Base
import EventLoop
import Glibc
import Testing

@testable import Host

/// A tree that looks like `/proc/sys` and `/sys`, and a state directory; both go with it.
private final class TunedTree {
    let root: String
    var state: String { root + "/state" }
    var record: String { state + "/host-tuning.json" }
    let tuner: SystemHostTuner

    static let swappiness = "/proc/sys/vm/swappiness"
    static let ports = "/proc/sys/net/ipv4/ip_local_reserved_ports"
    static let cpu0 = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"

    init() throws {
        var template = Array("/tmp/glm-tuning-XXXXXX".utf8CString)
        root = String(cString: try #require(mkdtemp(&template)))
        tuner = SystemHostTuner(root: HostRoot(root))
        try Files.makeDirectories(state)
        let files = [
            Self.swappiness: "60", "/proc/sys/net/ipv4/tcp_rmem": "4096\t8192\t16384",
            "/proc/sys/net/ipv4/conf/eth0.5/forwarding": "0", Self.ports: "",
            Self.cpu0: "powersave",
            "/sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "performance",
            "/sys/devices/system/cpu/cpufreq/policy0/scaling_governor": "powersave",
        ]
        for (path, text) in files { try set(path, text) }
    }

    deinit { try? Files.removeTree(root) }

    func set(_ path: String, _ text: String) throws {
        let path = root + path
        try Files.makeDirectories(String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]))
        try Files.replace(path, with: Array("\(text)\n".utf8))
    }

    func text(_ path: String) throws -> String {
        trimmed(String(decoding: try Files.read(root + path), as: UTF8.self))
    }

    /// As after a restart: nothing is remembered but what is on the disk.
    var tuning: HostTuning { HostTuning(tuner, stateDirectory: state) }
}

@available(*, unavailable) extension TunedTree: Sendable {}

private func ports(_ text: String) throws -> PortSet { PortSet(try PortRange.list(text)) }

@Suite struct HostTuningTests {
    @Test func `only what differs is named and written`() throws {
        let tree = try TunedTree()
        let wanted: [HostSetting] = [
            .sysctl(name: "vm.swappiness", value: "0"),
            .sysctl(name: "net.ipv4.tcp_rmem", value: "4096 8192 16384"),
            .sysctl(name: "net.ipv4.conf.eth0/5.forwarding", value: "1"),
            .governor("performance"), .reservedPorts(try ports("60000-60031,5000")),
        ]
        #expect(
            tree.tuner.differences(from: wanted).map(\.description) == [
                "vm.swappiness=0: /proc/sys/vm/swappiness is 60",
                "net.ipv4.conf.eth0/5.forwarding=1: "
                    + "/proc/sys/net/ipv4/conf/eth0.5/forwarding is 0",
                "CPU governor performance: \(TunedTree.cpu0) is powersave",
                "reserved ports 5000,60000-60031: \(TunedTree.ports) is empty",
            ])
        #expect(tree.tuning.apply(wanted).isEmpty)
        #expect(tree.tuner.differences(from: wanted).isEmpty)
        #expect(try tree.text(TunedTree.cpu0) == "performance")
        #expect(try tree.text(TunedTree.ports) == "5000,60000-60031")
        #expect(try tree.tuning.record().count == 4)
    }

    @Test func `what is not there is told`() throws {
        let tree = try TunedTree()
        let missing = HostSetting.sysctl(name: "kernel.none", value: "1")
        let found = tree.tuning.apply([missing])
        #expect(found.map(\.wanted) == [missing])
        #expect(found.first?.found == "this kernel has no /proc/sys/kernel/none")
        #expect(found.first?.isSettable == false)
        #expect(!Files.exists(tree.record))
        let bare = SystemHostTuner(root: HostRoot(tree.root + "/nothing"))
        let governor = bare.differences(from: [.governor("performance")])
        #expect(governor.map(\.found) == ["no CPU here has a governor"])
        #expect(governor.map(\.isSettable) == [false])
        try tree.set(TunedTree.swappiness, "60")
        let swappiness = HostSetting.sysctl(name: "vm.swappiness", value: "0")
        #expect(tree.tuner.differences(from: [swappiness]).map(\.isSettable) == [true])
    }

    @Test func `all is put back as it was, once and again`() throws {
        let tree = try TunedTree()
        try tree.set(TunedTree.ports, "8080,60000-60010")
        let wanted: [HostSetting] = [
            .sysctl(name: "vm.swappiness", value: "0"), .governor("performance"),
            .reservedPorts(try ports("60000-60031")),
        ]
        #expect(tree.tuning.apply(wanted).isEmpty)
        #expect(try tree.text(TunedTree.ports) == "8080,60000-60031")
        // Nothing is left to do the second time, and the record keeps the first values.
        #expect(tree.tuning.apply(wanted).isEmpty)
        #expect(try tree.tuning.putBack().map(\.outcome) == [.undone, .undone, .undone])
        #expect(try tree.text(TunedTree.swappiness) == "60")
        #expect(try tree.text(TunedTree.cpu0) == "powersave")
        #expect(try tree.text(TunedTree.ports) == "8080,60000-60010")
        #expect(!Files.exists(tree.record))
        #expect(try tree.tuning.putBack().isEmpty)
    }

    @Test func `the record is on the disk before the change`() throws {
        let tree = try TunedTree()
        // A change that cannot be recorded is not made.
        try Files.removeTree(tree.state)
        let left = tree.tuning.apply([.sysctl(name: "vm.swappiness", value: "0")])
        #expect(left.first?.found.contains("left alone") == true)
        #expect(try tree.text(TunedTree.swappiness) == "60")
        // A crash between the record and the change leaves nothing to undo.
        try Files.makeDirectories(tree.state)
        let change = HostChange.text(file: TunedTree.swappiness, before: "60", after: "0")
        try Files.replace(tree.record, with: Array(HostRecord.text(of: [change]).utf8))
        #expect(try tree.tuning.putBack().map(\.outcome) == [.alreadyBack])
        #expect(try tree.text(TunedTree.swappiness) == "60")
    }

    @Test func `what somebody else has set since is left alone, and is what counts later`() throws {
        let tree = try TunedTree()
        let wanted = [HostSetting.sysctl(name: "vm.swappiness", value: "0")]
        #expect(tree.tuning.apply(wanted).isEmpty)
        try tree.set(TunedTree.swappiness, "30")
        #expect(try tree.tuning.putBack().map(\.outcome) == [.left(found: "30")])
        #expect(try tree.text(TunedTree.swappiness) == "30")

        #expect(tree.tuning.apply(wanted).isEmpty)
        #expect(tree.tuning.apply([.sysctl(name: "vm.swappiness", value: "10")]).isEmpty)
        #expect(try tree.tuning.putBack().map(\.outcome) == [.undone])
        #expect(try tree.text(TunedTree.swappiness) == "30")
    }

    @Test func `of the reserved ports only the added ones go`() throws {
        let tree = try TunedTree()
        #expect(tree.tuning.apply([.reservedPorts(try ports("5000-5013"))]).isEmpty)
        #expect(tree.tuning.apply([.reservedPorts(try ports("5010-5020,24670"))]).isEmpty)
        #expect(try tree.text(TunedTree.ports) == "5000-5020,24670")
        try tree.set(TunedTree.ports, "5000-5020,9999,24670")
        #expect(try tree.tuning.putBack().map(\.outcome) == [.undone])
        #expect(try tree.text(TunedTree.ports) == "9999")
    }

    @Test func `only ports that outgoing connections may take are missed, and all are reserved`()
        throws
    {
        let tree = try TunedTree()
        try tree.set("/proc/sys/net/ipv4/ip_local_port_range", "32768\t60999")
        let low = HostSetting.reservedPorts(try ports("5000-5013"))
        #expect(tree.tuner.differences(from: [low]).isEmpty)
        let both = HostSetting.reservedPorts(try ports("5000-5013,60000-60031"))
        #expect(
            tree.tuner.differences(from: [both]).map(\.wanted)
                == [.reservedPorts(try ports("60000-60031"))])
        #expect(tree.tuning.apply([both]).isEmpty)
        #expect(try tree.text(TunedTree.ports) == "5000-5013,60000-60031")
    }

    @Test func `what cannot be put back stays on record`() throws {
        let tree = try TunedTree()
        let wanted: [HostSetting] = [
            .sysctl(name: "vm.swappiness", value: "0"), .governor("performance"),
        ]
        #expect(tree.tuning.apply(wanted).isEmpty)
        try Files.remove(tree.root + TunedTree.swappiness)
        let outcomes = try tree.tuning.putBack()
        #expect(outcomes.map(\.outcome).first == .undone)
        #expect(try tree.tuning.record().map(\.file) == [TunedTree.swappiness])
    }

    @Test(arguments: ["", "{", "{\"version\": 2}", "flip"])
    func `a record that cannot be read stops every change`(damage: String) throws {
        let tree = try TunedTree()
        let wanted = [HostSetting.sysctl(name: "vm.swappiness", value: "0")]
        #expect(tree.tuning.apply(wanted).isEmpty)
        let whole = String(decoding: try Files.read(tree.record), as: UTF8.self)
        let text = damage == "flip" ? whole.replacing("60", with: "61") : damage
        try Files.replace(tree.record, with: Array(text.utf8))
        #expect(throws: HostRecordError.self) { try tree.tuning.putBack() }
        let more = tree.tuning.apply([.governor("performance")])
        #expect(more.first?.found.contains("left alone") == true)
        #expect(try tree.text(TunedTree.cpu0) == "powersave")
    }
}
