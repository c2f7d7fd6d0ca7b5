// The other outputs of npu-smi and hccn_tool, and their complaints.

import Testing

@testable import Ascend

@Suite struct ToolOutputTests {
    // MARK: - npu-smi

    @Test func `cards are listed with their chips`() throws {
        let cards = try NPUOutput.cards(fixture("list-a3"))
        #expect(cards == (0..<3).map { CardListing(card: $0, chipCount: 2) })
        let short = try fixture("list-a3").replacing(": 3", with: ": 4")
        #expect(throws: ParseError.self) { try NPUOutput.cards(short) }
    }

    @Test func `the map leaves out controllers and lost cards`() throws {
        let chips = try NPUOutput.chips(fixture("map-a3"))
        #expect(chips.count == 14)
        #expect(chips.allSatisfy { $0.address.card != 5 && $0.name == "Ascend910" })
        // After a lost card the logic ids close up; the physical ones do not.
        let last = try #require(chips.last)
        #expect(last.address == ChipAddress(card: 7, chip: 1))
        #expect(last.logicID == 13 && last.physicalID == DieID(15))
        let older = try NPUOutput.chips(fixture("map-a2"))
        #expect(older.map(\.logicID) == [0, 1])
        #expect(older.allSatisfy { $0.physicalID == nil })
    }

    @Test func `health comes with its codes`() throws {
        let good = try #require(try NPUOutput.health(fixture("health-die-ok")).first)
        #expect(good.health == .ok && good.errorCodes.isEmpty && good.information.isEmpty)
        let bad = try #require(try NPUOutput.health(fixture("health-die-alarm")).first)
        #expect(bad.health == .alarm)
        #expect(bad.errorCodes == ["81078603", "80E18402"])
        #expect(bad.information.count == 2)
        #expect(bad.information.last?.contains("lane lost") == true)
        let card = try NPUOutput.health(fixture("health-card"))
        #expect(card.map(\.chip) == [0, 1])
        #expect(card.map(\.health) == [.ok, .warning])
    }

    @Test func `usages and memory are read by chip`() throws {
        let usages = try NPUOutput.usages(fixture("usages-a3"))
        #expect(usages.map(\.chip) == [0, 1])
        #expect(usages.map(\.memoryUsePercent) == [5, 93])
        #expect(usages.map(\.coreUsePercent) == [0, 71])
        let memory = try NPUOutput.usages(fixture("memory-a3"))
        #expect(memory.map(\.capacityMegabytes) == [65536])
        #expect(memory.first?.memoryUsePercent == nil)
    }

    @Test func `the place in the super pod agrees with the SDID`() throws {
        let place = try NPUOutput.place(fixture("spod-info"))
        #expect(place.superPodID == 11 && place.superPodSize == 384 && place.serverIndex == 7)
        #expect(place.sdid.serverIndex == 7 && place.sdid.chip == 2 && place.sdid.die == 1)
        #expect(place.sdid.device == 5)
        #expect(place.sdid.vnicAddress == "192.7.3.194")
    }

    @Test(arguments: [
        (37_748_736, 9, 0, 0, 0, "192.9.2.199"), (38_600_711, 9, 3, 1, 7, "192.9.3.192"),
        (62_914_560, 15, 0, 0, 0, "192.15.2.199"),
    ]) func `SDIDs of the manuals`(
        value: UInt32, server: Int, chip: Int, die: Int, device: Int, address: String
    ) {
        let sdid = SDID(value)
        #expect(sdid.serverIndex == server && sdid.chip == chip && sdid.die == die)
        #expect(sdid.device == device && sdid.vnicAddress == address)
        #expect(SDID(serverIndex: server, chip: chip, die: die) == sdid)
    }

    @Test func `numbers that do not fit an SDID make none`() {
        #expect(SDID(serverIndex: 1024, chip: 0, die: 0) == nil)
        #expect(SDID(serverIndex: 0, chip: 16, die: 0) == nil)
        #expect(SDID(serverIndex: 0, chip: 0, die: -1) == nil)
        #expect(SDID(0xFFFF_FFFF).vnicAddress == nil)
    }

    // MARK: - hccn_tool

    @Test func `the virtual NIC has a state and an address`() throws {
        let up = try HCCNOutput.vnic(fixture("vnic-up"))
        #expect(up.link == .up && up.address == "192.7.2.197" && up.netmask == "255.255.0.0")
        #expect(try HCCNOutput.vnic(fixture("vnic-down")).link == .down)
        #expect(try HCCNOutput.link(fixture("link-down")) == .down)
        #expect(try HCCNOutput.netHealth(fixture("net-health")) == "Init")
    }

    @Test func `the TLS switch is not its explanation`() throws {
        #expect(try HCCNOutput.isTLSEnabled(fixture("tls-on")))
        #expect(try !HCCNOutput.isTLSEnabled(fixture("tls-off")))
        #expect(throws: ParseError.self) { try HCCNOutput.isTLSEnabled("tls switch[2](0:") }
        #expect(throws: ParseError.self) { try HCCNOutput.isTLSEnabled("tls switch[") }
    }

    @Test func `a ping is sound, lost, or over a bad plane`() throws {
        let sound = try HCCNOutput.ping(fixture("ping-sound"))
        #expect(sound.isSound && sound.sent == 3 && sound.averageMicroseconds == 18.37)
        let lost = try HCCNOutput.ping(fixture("ping-lost"))
        #expect(!lost.isSound && lost.received == 0 && lost.averageMicroseconds == nil)
        let plane = try HCCNOutput.ping(fixture("ping-bad-plane"))
        #expect(!plane.isSound && plane.received == 3 && plane.planeResults == [3, 3, 3])
        // The other spelling, of the RoCE ping.
        #expect(try HCCNOutput.ping("2 packets transmitted, 2 received, 0% packet loss").isSound)
    }

    @Test func `configured addresses are by die, not by text`() throws {
        let addresses = try HCCNOutput.configuredAddresses(fixture("hccn.conf"))
        #expect(addresses == [DieID(0): "10.40.7.31", DieID(10): "10.40.7.41"])
    }

    // MARK: - Complaints

    @Test(arguments: [
        ("error-8005", ToolComplaint.Kind.notInitialized, Int?(-8005)),
        ("error-8020", .deviceUsed, -8020),
        ("error-card", .noSuchCard, nil), ("error-a2-spod", .notSupported, nil),
        ("error-find", .notFound, nil), ("error-dcmi", .other, -8255),
        ("ip-unset", .notPreset, nil),
    ]) func `a complaint has a kind, its line and a remedy`(
        name: String, kind: ToolComplaint.Kind, code: Int?
    ) throws {
        let text = try fixture(name)
        let complaint = try #require(ToolComplaint(in: text))
        #expect(complaint.kind == kind)
        #expect(complaint.code == code)
        #expect(text.contains(complaint.line))
        #expect(!complaint.remedy.isEmpty)
        let fact = Fact("npu-smi info", text) { text throws(ParseError) in
            try NPUTable(parsing: text)
        }
        #expect(fact.gap?.kind == .refused)
        #expect(fact.gap?.complaint == kind)
        #expect(fact.gap?.detail.contains(complaint.line) == true)
    }

    @Test func `what sounds like no complaint is unreadable`() throws {
        #expect(try ToolComplaint(in: fixture("health-die-ok")) == nil)
        let fact = Fact("npu-smi info", "hello") { text throws(ParseError) in
            try NPUTable(parsing: text)
        }
        #expect(fact.gap?.kind == .unreadable)
        #expect(fact.gap?.description.contains("\"hello\"") == true)
    }

    // MARK: - Files

    @Test(arguments: [
        ("driver-version.info", "25.5.2"), ("toolkit-install.info", "8.5.2"),
        ("atb-version.info", "8.5.2.B031"),
    ]) func `every package has its own way to tell its version`(
        name: String, version: String
    ) throws {
        #expect(try VersionFile(fixture(name)).version() == version)
    }

    @Test func `a file without a version is told`() throws {
        #expect(throws: ParseError.self) { try VersionFile("arch=aarch64\nVersion=\n").version() }
        #expect(
            try VersionFile(fixture("toolkit-install.info"))["path"]
                == "/usr/local/Ascend/cann-8.5.2")
    }

    @Test func `packages are the marked lines`() throws {
        let text = "a warning\nglm-package torch 2.10.0\nglm-package sglang -\n"
        #expect(
            try PythonPackages.parse(text) == [
                PackageVersion(name: "torch", version: "2.10.0"),
                PackageVersion(name: "sglang", version: nil),
            ])
        #expect(throws: ParseError.self) { try PythonPackages.parse("Traceback: no module") }
    }

    @Test func `files of the kernel`() throws {
        let limits = try fixture("limits")
        #expect(
            try HostFiles.limit("Max open files", in: limits)
                == ResourceLimit(soft: 131072, hard: 524288))
        #expect(
            try HostFiles.limit("Max locked memory", in: limits)
                == ResourceLimit(soft: nil, hard: nil))
        #expect(throws: ParseError.self) { try HostFiles.limit("Max dreams", in: limits) }
        let mounts = try fixture("mounts")
        #expect(HostFiles.tmpfsBytes(at: "/dev/shm", mounts: mounts) == 64 << 30)
        #expect(HostFiles.tmpfsBytes(at: "/run", mounts: mounts) == 2 << 20)
        #expect(HostFiles.tmpfsBytes(at: "/nothing/told", mounts: mounts) == nil)
        #expect(HostFiles.tmpfsBytes(at: "/proc", mounts: mounts) == nil)
        #expect(try HostFiles.chosen(in: "always [madvise] never") == "madvise")
        #expect(throws: ParseError.self) { try HostFiles.chosen(in: "always") }
        let hosts = "127.0.0.1 localhost\n127.0.1.1 node7.lan node7 # own\n10.0.0.7 node7\n"
        #expect(HostFiles.addresses(of: "node7", hosts: hosts) == ["127.0.1.1", "10.0.0.7"])
    }

    @Test func `port lists`() throws {
        let ranges = try PortRange.list("60000-60031,24670\n")
        #expect(ranges.map(\.description) == ["60000-60031", "24670"])
        #expect(try PortRange.list("\n").isEmpty)
        for text in ["60000-", "5-4", "70000", "a"] {
            #expect(throws: ParseError.self) { try PortRange.list(text) }
        }
        let pair = try PortRange.pair("32768\t60999\n")
        #expect(pair.contains(try #require(PortRange(first: 60000, last: 60031))))
        #expect(throws: ParseError.self) { try PortRange.pair("32768") }
    }

    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ]) func `SHA-256 is that of the standard`(text: String, digest: String) {
        #expect(SHA256.hex(text.utf8) == digest)
    }
}
