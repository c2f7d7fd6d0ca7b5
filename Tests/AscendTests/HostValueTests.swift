// Values of a host: sets of ports, what scripts change, signs of a hypervisor.

import Base
import Testing

@testable import Ascend

@Suite struct HostValueTests {
    private func set(_ text: String) throws -> PortSet { PortSet(try PortRange.list(text)) }

    @Test func `ranges are joined where they meet`() throws {
        #expect(try set("5,1-3,4,9-12,10").description == "1-5,9-12")
        #expect(try set("65535,65534").description == "65534-65535")
        #expect(try set("").isEmpty)
    }

    @Test(arguments: UInt64(1)...20) func `sets of ports are sets`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        func some() throws -> (PortSet, Set<UInt16>) {
            let ranges = (0..<5).compactMap { _ -> PortRange? in
                let first = UInt16.random(in: 0...40, using: &random)
                return PortRange(first: first, last: first + .random(in: 0...6, using: &random))
            }
            return (PortSet(ranges), Set(ranges.flatMap { $0.first...$0.last }))
        }
        func members(_ set: PortSet) -> Set<UInt16> {
            Set(set.ranges.flatMap { $0.first...$0.last })
        }
        let (one, ones) = try some()
        let (other, others) = try some()
        #expect(members(one) == ones, "seed \(seed)")
        #expect(members(one.union(other)) == ones.union(others), "seed \(seed)")
        #expect(members(one.subtracting(other)) == ones.subtracting(others), "seed \(seed)")
        #expect(members(one.intersection(other)) == ones.intersection(others), "seed \(seed)")
        #expect(try set(one.description) == one, "seed \(seed)")
    }

    @Test func `the edges of the ports can be taken away`() throws {
        let all = try set("0-65535")
        #expect(all.subtracting(try set("0,65535")).description == "1-65534")
        #expect(all.subtracting(all).isEmpty)
    }

    @Test func `a snapshot has what was set or changed, and nothing of the shell's own`() throws {
        let before = [Variable("PATH", "/bin"), Variable("HOME", "/root"), Variable("EMPTY", "")]
        let text =
            "PATH=/a:/bin\0HOME=/root\0EMPTY=x\0LINES=one\ntwo=2\0PWD=/\0_=/bin/env\0=x\0none\0"
        let snapshot = EnvironmentSnapshot(
            scripts: ["/s"], from: before, to: EnvironmentSnapshot.variables(text))
        #expect(
            snapshot.variables == [
                Variable("EMPTY", "x"), Variable("LINES", "one\ntwo=2"),
                Variable("PATH", "/a:$PATH"),
            ])
        #expect(snapshot.hash.count == 64)
        #expect(
            try EnvironmentSnapshot(json: JSONValue(parsing: snapshot.json.compact)) == snapshot)
        let other = EnvironmentSnapshot(scripts: ["/other"], variables: snapshot.variables)
        #expect(other.hash == snapshot.hash)
    }

    static let machines: [(firmware: [String], processors: String?, kind: String?, says: String?)] =
        [
            (["Huawei", "Atlas 800I A3"], "Features\t: fp asimd", nil, "none"),
            (["Dell Inc."], "flags\t\t: fpu sse", nil, "none"),
            (["QEMU", "KVM Virtual Machine"], nil, nil, "kvm"),
            (["QEMU", "Standard PC"], nil, nil, "qemu"),
            (["OpenStack Foundation"], nil, nil, "kvm"),
            (["Microsoft Corporation", "Virtual Machine"], nil, nil, "microsoft"),
            ([], nil, "xen", "xen"), ([], "flags\t\t: fpu hypervisor sse", nil, "unnamed"),
            ([], "flags\t\t: fpu sse", nil, "none"), ([], "Features\t: fp asimd", nil, nil),
            ([], nil, nil, nil),
        ]

    @Test(arguments: machines.indices) func `a hypervisor gives itself away`(index: Int) {
        let machine = Self.machines[index]
        let signs = HypervisorSigns(
            firmware: machine.firmware, processors: machine.processors, kind: machine.kind,
            deviceTree: nil)
        #expect(signs.hypervisor.value == machine.says)
    }
}
