// Every reader gets what no tool ever printed: samples with bytes changed, lines lost and lines
// of other samples in between. It may refuse, but not trap.

import Base
import Testing

@testable import Ascend

@Suite struct MutationTests {
    static let samples = [
        "info-a3-25", "info-a3-26", "info-a2-24", "info-a3-unreadable-die", "map-a3", "map-a2",
        "list-a3", "health-die-ok", "health-die-alarm", "health-card", "usages-a3", "memory-a3",
        "spod-info", "vnic-up", "link-down", "net-health", "tls-on", "ping-sound", "ping-lost",
        "hccn.conf", "driver-version.info", "toolkit-install.info", "atb-version.info", "limits",
        "mounts", "ecc-a3", "error-8005", "error-card",
    ]

    private func readEverything(_ text: String) {
        _ = try? NPUTable(parsing: text)
        _ = try? NPUOutput.cards(text)
        _ = try? NPUOutput.chips(text)
        _ = try? NPUOutput.health(text)
        _ = try? NPUOutput.usages(text)
        _ = try? NPUOutput.ecc(text)
        _ = try? PacketFilter.nftables(text)
        _ = try? PacketFilter.iptables(text)
        if let place = try? NPUOutput.place(text) { _ = place.sdid.vnicAddress }
        _ = try? HCCNOutput.vnic(text)
        _ = try? HCCNOutput.link(text)
        _ = try? HCCNOutput.netHealth(text)
        _ = try? HCCNOutput.isTLSEnabled(text)
        _ = try? HCCNOutput.ping(text)
        _ = HCCNOutput.configuredAddresses(text)
        _ = try? VersionFile(text).version()
        _ = try? PythonPackages.parse(text)
        _ = try? HostFiles.limit("Max open files", in: text)
        _ = HostFiles.tmpfsBytes(at: "/dev/shm", mounts: text)
        _ = try? HostFiles.chosen(in: text)
        _ = HostFiles.addresses(of: "node", hosts: text)
        _ = try? PortRange.list(text)
        _ = try? PortRange.pair(text)
        _ = ToolComplaint(in: text)?.description
    }

    private func mutate(_ bytes: [UInt8], with other: [UInt8], _ random: inout SeededGenerator)
        -> [UInt8]
    {
        let special = Array("|:=/[]-,.%0\r\n\t \u{0}".utf8) + [0xFF, 0xC3, 0x80]
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            guard !bytes.isEmpty else { return other }
            let place = Int.random(in: 0..<bytes.count, using: &random)
            let end = min(bytes.count, place + Int.random(in: 0...60, using: &random))
            switch Int.random(in: 0..<5, using: &random) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.removeSubrange(place..<end)
            case 2: bytes.insert(special.randomElement(using: &random) ?? 0, at: place)
            case 3: bytes.insert(contentsOf: Array("99999999999999999999".utf8), at: place)
            default:
                let start = Int.random(in: 0..<max(1, other.count), using: &random)
                bytes.insert(contentsOf: other.dropFirst(start).prefix(80), at: place)
            }
        }
        return bytes
    }

    @Test(arguments: UInt64(1)...6) func `no bytes make a reader trap`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let samples = try Self.samples.map { Array(try fixture($0).utf8) }
        for sample in samples {
            for _ in 0..<4 {
                let other = samples.randomElement(using: &random) ?? []
                let bytes = mutate(sample, with: other, &random)
                readEverything(String(decoding: bytes, as: UTF8.self))
            }
        }
        for _ in 0..<40 {
            let count = Int.random(in: 0...400, using: &random)
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            readEverything(String(decoding: bytes, as: UTF8.self))
        }
    }
}
