// The collector against the pretend node: healthy, and with each fault that an operator meets.

import Ascend
import Base
import EventLoop
import PretendNode
import Testing

@testable import Host

@Suite(.serialized, .timeLimit(.minutes(2)))
struct InventoryTests {
    private func inventory(
        _ node: PretendNode, _ request: InventoryRequest = InventoryRequest(),
        limit: Duration = .seconds(20), environment: [String: String]? = nil
    ) throws -> NodeInventory {
        let loop = try Loop()
        let collector = InventoryCollector(
            loop, root: HostRoot(node.directory), environment: environment ?? node.environment,
            toolLimit: limit)
        var inventory: NodeInventory?
        collector.collect(request) { inventory = $0 }
        #expect(inventory == nil, "it was told before it was asked")
        #expect(loop.run(within: .seconds(60)) { inventory != nil })
        #expect(node.violations.isEmpty)
        return try #require(inventory)
    }

    private func inventory(_ state: [String: String]) throws -> NodeInventory {
        try inventory(PretendNode(state))
    }

    @Test func `a directory that is something else is not made into a pretend node`() throws {
        let node = try PretendNode()
        let other = node.directory + "/other"
        try Files.makeDirectories(other + "/etc", permissions: 0o700)
        #expect(throws: PretendNode.Failure.self) { try PretendNode.makeRoot(other) }
        #expect(Files.exists(other + "/etc"))
        try PretendNode.makeRoot(node.directory)
    }

    @Test func `a healthy node is known whole`() throws {
        let node = try PretendNode()
        let found = try inventory(
            node, InventoryRequest(weights: "/data/glm-5.1", parameters: ["vm.none"]))
        #expect(found.hostName == "a3-3")
        #expect(found.toolVersion == .known("25.5.2"))
        let dies = try #require(found.dies.value)
        #expect(dies.map(\.id) == (0..<16).map { DieID($0) })
        for die in dies {
            #expect(die.health == .ok && die.errorCodes == .known([]) && die.processes.isEmpty)
            #expect(die.isAtBaseline == true)
            // The address that the tool tells is the one that follows from the SDID.
            let place = try #require(die.place.value)
            #expect(place.sdid.device == die.id.value && place.serverIndex == 3)
            let vnic = try #require(die.fabric.vnic.value)
            #expect(vnic.link == .up && vnic.address == place.sdid.vnicAddress)
            #expect(die.fabric.isTLSEnabled == .known(false))
            #expect(die.fabric.link == .known(.down) && die.fabric.netHealth == .known("Init"))
        }
        #expect(found.place?.superPodID == 0)
        #expect(found.cardCount == .known(8))
        #expect(found.pciFunctions == .known([PCIFunctions(device: "d803", count: 16)]))
        #expect(found.deviceFiles == (0..<16).map { DieID($0) })
        #expect(found.holders == .known([]) && found.processesOnDies.isEmpty)
        #expect(found.roceAddresses.gap?.kind == .notInstalled)
        #expect(found.weights.value?.files.count == 3)
        #expect(found.weights.value?.configurationHash.value?.count == 64)
        #expect(found.interfaces.contains { $0.isLoopback && $0.addresses.contains("127.0.0.1") })
        // Nothing that an inventory asks for twice.
        #expect(Set(node.calls).count == node.calls.count)
    }

    @Test func `versions and settings of a healthy node`() throws {
        let found = try inventory([:])
        #expect(found.software.driver == .known("25.5.2"))
        #expect(found.software.firmware == .known("7.8.0.5.216"))
        #expect(found.software.cann.map(\.version) == [.known("8.5.1")])
        #expect(
            found.software.cann.first?.environmentScript == "/usr/local/Ascend/cann/set_env.sh")
        #expect(found.software.hccl == .known("8.5.1"))
        #expect(found.software.nnal == .known("8.5.1.B031"))
        #expect(found.software.package("torch_npu") == "2.10.0")
        #expect(found.software.package("sglang") == "0.5.12.post1")
        #expect(found.software.package("memfabric-hybrid") == "1.0.8")
        #expect(found.software.package("triton-ascend") == nil)
        #expect(found.software.package("python") != nil)
        #expect(found.kernel.governors == .known(["performance"]))
        #expect(found.kernel.parameters.first { $0.name == "vm.swappiness" }?.value == "0")
        #expect(found.kernel.reservedPorts.value?.map(\.description) == ["60000-60031"])
        #expect(found.kernel.ephemeralPorts.value?.description == "32768-60999")
        #expect(found.kernel.transparentHugePages == .known("madvise"))
        #expect(found.openFiles.value?.soft == 1_048_576)
        #expect(found.lockedMemory == .known(ResourceLimit(soft: nil, hard: nil)))
        #expect(found.sharedMemoryBytes == .known(256 << 30))
        #expect(found.ownAddressesInHosts == ["10.20.0.3"])
        #expect(found.firewall.running.isEmpty && found.firewall.startingAtBoot.isEmpty)
        #expect(found.firewall.rules.gap?.kind == .notInstalled)
        #expect(found.weights.gap?.kind == .notAsked)
    }

    // MARK: - Faults

    @Test func `a die in alarm tells its codes`() throws {
        let dies = try #require(try inventory(["alarm": "5", "format": "26"]).dies.value)
        #expect(dies.filter { $0.health != .ok }.map(\.id) == [DieID(5)])
        #expect(dies[5].health == .alarm)
        #expect(dies[5].errorCodes == .known(["81078603", "80E18402"]))
        #expect(dies[5].errorInformation.count == 1)
    }

    @Test func `a die that is well tells its codes and its memory errors`() throws {
        let node = try PretendNode(["codes_of_well": "7", "ecc": "5:2"])
        let dies = try #require(try inventory(node).dies.value)
        #expect(dies[7].health == .ok && dies[7].errorCodes == .known(["81078603", "80E18402"]))
        #expect(dies[6].errorCodes == .known([]))
        #expect(dies.map { $0.ecc.value?.uncorrected } == (0..<16).map { $0 == 5 ? 2 : 0 })
        #expect(dies[5].ecc.value?.isolatedPages == 0)
        var request = InventoryRequest()
        request.scope = .dies
        let quick = try #require(try inventory(node, request).dies.value)
        #expect(quick.allSatisfy { $0.ecc.gap?.kind == .notAsked })
        #expect(quick.allSatisfy { $0.errorCodes.gap?.kind == .notAsked })
    }

    @Test(arguments: ["25", "26"])
    func `a leftover process is found on its dies and in its files`(format: String) throws {
        let found = try inventory([
            "format": format, "blank_names": "1",
            "processes": "4711:4:58953:sglang 4712:4:131:sglang 4712:5:58810:sglang",
        ])
        let dies = try #require(found.dies.value)
        #expect(dies[4].processes.filter { !$0.isVisitor }.map(\.processID) == [4711])
        #expect(dies[4].processes.filter(\.isVisitor).map(\.processID) == [4712])
        #expect(dies[4].isAtBaseline == false && dies[6].isAtBaseline == true)
        #expect(dies[4].processes.allSatisfy { $0.name.isEmpty })
        let holders = try #require(found.holders.value)
        #expect(holders.map(\.processID) == [4711, 4712])
        #expect(holders[1].name == "sglang" && holders[1].dies == [DieID(4), DieID(5)])
        #expect(holders[0].devices == ["davinci4", "davinci_manager"])
        #expect(found.processesOnDies == [4711, 4712])
        #expect(found.digest.heldDies == [DieID(4), DieID(5)])
    }

    @Test func `a process whose memory is not told is a gap, and the dies are known`() throws {
        let found = try inventory(["processes": "4711:4:58953:sglang", "memory_na": "1"])
        #expect(found.dies.value?.count == 16)
        #expect(found.dies.value?[4].processes.isEmpty == true)
        #expect(found.unreadProcesses.map(\.kind) == [.unreadable])
        #expect(found.unreadProcesses[0].detail.contains("4711"))
        #expect(found.digest.heldDies == [DieID(4)], "by its device file")
        #expect(try NodeInventory(json: JSONValue(parsing: found.json.compact)) == found)
    }

    @Test func `who has a manager device alone is found`() throws {
        let found = try inventory(["manager_holders": "99:monitor"])
        #expect(found.holders.value?.map(\.devices) == [["davinci_manager"]])
        #expect(found.digest.heldDies.isEmpty)
    }

    @Test func `a tool that asks holds nothing`() throws {
        let found = try inventory(["processes": "812:0:0:npu-smi 813:1:0:python3"])
        #expect(found.holders.value?.map(\.processID) == [813])
    }

    @Test func `memory that nobody owns is seen`() throws {
        let found = try inventory(["hbm_left": "9:41000"])
        #expect(found.dies.value?[9].isAtBaseline == false)
        #expect(found.processesOnDies.isEmpty)
        #expect(found.digest.heldDies == [DieID(9)])
    }

    @Test func `a VNIC is down and a TLS switch differs`() throws {
        let dies = try #require(try inventory(["vnic_down": "7", "tls_on": "2 3"]).dies.value)
        #expect(dies.filter { $0.fabric.vnic.value?.link == .down }.map(\.id) == [DieID(7)])
        #expect(
            dies.filter { $0.fabric.isTLSEnabled == .known(true) }.map(\.id)
                == [DieID(2), DieID(3)])
    }

    @Test func `a card that fell off the bus is missing everywhere`() throws {
        let found = try inventory(["missing_card": "3"])
        #expect(found.dies.value?.count == 14)
        #expect(found.cardCount == .known(7))
        #expect(found.pciFunctions.value?.first?.count == 14)
        #expect(!found.deviceFiles.contains(DieID(6)) && found.deviceFiles.count == 14)
    }

    @Test(arguments: [
        ("toolkit", ["/usr/local/Ascend/ascend-toolkit/latest"]),
        ("cann", ["/usr/local/Ascend/cann"]),
        ("both", ["/usr/local/Ascend/cann", "/usr/local/Ascend/ascend-toolkit/latest"]),
    ]) func `both layouts of CANN are found`(layout: String, homes: [String]) throws {
        let found = try inventory([
            "layout": layout, "cann": "8.3.RC1", "npu_smi": "missing",
        ])
        #expect(found.software.cann.map(\.home) == homes)
        #expect(found.software.cann.allSatisfy { $0.version == .known("8.3.RC1") })
        #expect(found.software.cann.allSatisfy { $0.environmentScript != nil })
        #expect(found.software.hccl == .known("8.3.RC1"))
    }

    @Test(arguments: [
        ("cann/set_env.sh", "9.0.0"), ("ascend-toolkit/set_env.sh", "8.3.RC1"),
        ("missing/set_env.sh", "8.3.RC1"),
    ])
    func `of two installations of CANN the one that engines are started from counts`(
        script: String, version: String
    ) throws {
        let node = try PretendNode([
            "layout": "both", "cann": "9.0.0", "cann_toolkit": "8.3.RC1", "npu_smi": "missing",
        ])
        let found = try inventory(
            node, InventoryRequest(sources: ["/usr/local/Ascend/\(script)"]))
        #expect(found.software.cann.count == 2)
        #expect(found.software.cann.first?.version == .known(version))
        #expect(found.software.hccl == .known(version))
    }

    @Test func `a firewall runs and comes back`() throws {
        let found = try inventory([
            "firewalld": "1", "firewalld_at_boot": "1", "npu_smi": "missing",
        ])
        #expect(found.firewall.running == ["firewalld"])
        #expect(found.firewall.startingAtBoot == ["firewalld"])
    }

    @Test func `packet filters without a daemon are found`() throws {
        let chain = #"\tchain in {\n\t\ttype filter hook input priority 0; policy drop;\n\t}"#
        let input = #"table ip t {\n"# + chain + #"\n}"#
        let reject = "-P INPUT ACCEPT\\n-A INPUT -s 10.0.0.1/32 -j REJECT"
        let both = try inventory(["npu_smi": "missing", "nft": input, "iptables": reject])
        #expect(both.firewall.rules.value?.map(\.isForAll) == [true, false])
        #expect(
            both.firewall.rules.value?.map(\.text) == [
                "nft: ip t in: policy drop", "iptables: -A INPUT -s 10.0.0.1/32 -j REJECT",
            ])
        #expect(try NodeInventory(json: JSONValue(parsing: both.json.compact)) == both)
        let one = try inventory(["npu_smi": "missing", "iptables": "-P INPUT ACCEPT"])
        #expect(one.firewall.rules == .known([]))
        let none = try inventory(["npu_smi": "missing", "nft": "Permission denied"])
        #expect(none.firewall.rules.gap?.kind == .notPermitted)
    }

    @Test(arguments: [
        ("hang", Gap.Kind.timedOut, nil), ("missing", .notInstalled, nil),
        ("8005", .refused, ToolComplaint.Kind?.some(.notInitialized)),
        ("8020", .refused, .deviceUsed),
    ]) func `without npu-smi the rest is known`(
        mode: String, kind: Gap.Kind, complaint: ToolComplaint.Kind?
    ) throws {
        let node = try PretendNode(["npu_smi": mode])
        let found = try inventory(node, limit: mode == "hang" ? .seconds(1) : .seconds(20))
        #expect(found.dies.gap?.kind == kind)
        #expect(found.dies.gap?.complaint == complaint)
        #expect(found.cardCount.gap?.kind == kind)
        #expect(found.digest.dieCount == nil)
        #expect(found.software.driver == .known("25.5.2"))
        #expect(found.holders == .known([]))
        #expect(node.calls.count <= 1)
    }

    @Test func `versions are asked of Python in the environment of the engines`() throws {
        let node = try PretendNode(["layout": "cann"])
        let found = try inventory(node)
        #expect(found.software.package("sglang") == "0.5.12.post1")
        #expect(node.pythonHomes == ["/usr/local/Ascend/cann-8.5.1"])
        let bare = try PretendNode(["scripts": "0"])
        #expect(try inventory(bare).software.package("sglang") == "0.5.12.post1")
        #expect(bare.pythonHomes == ["none"], "where nothing is sourced engines inherit")
    }

    @Test func `before a launch only what may have changed is asked`() throws {
        let node = try PretendNode()
        let loop = try Loop()
        let collector = InventoryCollector(
            loop, root: HostRoot(node.directory), environment: node.environment)
        func collect(_ scope: InventoryRequest.Scope) throws -> (NodeInventory, [String]) {
            let before = node.calls.count
            var found: NodeInventory?
            collector.collect(InventoryRequest(weights: "/data/glm-5.1", scope: scope)) {
                found = $0
            }
            #expect(loop.run(within: .seconds(60)) { found != nil })
            return (try #require(found), Array(node.calls.dropFirst(before)))
        }
        _ = try collect(.whole)
        let (found, calls) = try collect(.launch)
        #expect(calls.filter { $0.hasPrefix("npu-smi") } == ["npu-smi info"])
        #expect(calls.filter { $0.contains("-vnic") }.count == 16)
        #expect(!calls.contains { $0.contains("-t ecc") || $0.contains("-t health") })
        #expect(!calls.contains { $0.contains("-link") || $0.contains("-net_health") })
        #expect(found.place != nil && found.cardCount == .known(8))
        #expect(found.dies.value?.allSatisfy { $0.fabric.isTLSEnabled == .known(false) } == true)
        #expect(found.weights.value?.files.count == 3)
        try node.set(["alarm": "5", "vnic_down": "3"])
        let (ill, _) = try collect(.launch)
        #expect(
            ill.dies.value?[5].health == .alarm
                && ill.dies.value?[3].fabric.vnic.value?.link == .down)
    }

    @Test func `slow answers of npu-smi are waited for, one after the other`() throws {
        let node = try PretendNode(["npu_smi_delay": "0.05"])
        let found = try inventory(node)
        #expect(found.dies.value?.allSatisfy { $0.place.value != nil } == true)
        // The table, the list, and of each die its place, its codes and its ECC counts.
        #expect(node.calls.filter { $0.hasPrefix("npu-smi") }.count == 2 + 3 * 16)
    }

    @Test func `a machine without any of it has gaps and no surprises`() throws {
        let node = try PretendNode(["npu_smi": "missing"])
        try Files.removeTree("\(node.directory)/usr")
        try Files.removeTree("\(node.directory)/proc")
        try Files.removeTree("\(node.directory)/sys")
        let found = try inventory(node, environment: ["PATH": "/no/such/directory"])
        #expect(found.dies.gap?.kind == .notInstalled)
        #expect(found.software.python.gap?.kind == .notInstalled)
        #expect(found.software.driver.gap?.kind == .notInstalled)
        #expect(found.software.cann.isEmpty)
        #expect(found.holders.gap?.kind == .notInstalled)
        #expect(found.pciFunctions.gap?.kind == .notInstalled)
        #expect(found.kernel.release.gap?.kind == .notInstalled)
        #expect(found.openFiles.gap?.kind == .notInstalled)
        // The mount table is gone, but the file system still answers.
        #expect(found.sharedMemoryBytes.value != nil)
    }

    @Test func `this machine's own inventory can be made`() throws {
        let loop = try Loop()
        let collector = InventoryCollector(loop, environment: ["PATH": "/usr/bin:/bin"])
        var found: NodeInventory?
        collector.collect(InventoryRequest(weights: "/no/such/weights")) { found = $0 }
        #expect(loop.run(within: .seconds(60)) { found != nil })
        let inventory = try #require(found)
        #expect(!inventory.hostName.isEmpty)
        #expect(inventory.weights.gap?.kind == .notInstalled)
        #expect(inventory.kernel.ephemeralPorts.value != nil)
    }

    // MARK: - Between the tools

    @Test func `a ping over the fabric is sound or lost`() throws {
        let node = try PretendNode(["unreachable": "192.4.2.197", "bad_plane": "192.4.2.195"])
        let loop = try Loop()
        let collector = InventoryCollector(
            loop, root: HostRoot(node.directory), environment: node.environment)
        var sound: [String: Bool?] = [:]
        for address in ["192.4.2.199", "192.4.2.197", "192.4.2.195"] {
            collector.fabric.ping(from: DieID(0), to: address) {
                sound[address] = $0.value?.isSound
            }
        }
        #expect(loop.run(within: .seconds(30)) { sound.count == 3 })
        #expect(sound == ["192.4.2.199": true, "192.4.2.197": false, "192.4.2.195": false])
    }

    // MARK: - What others are told

    @Test func `the JSON form comes back as it was`() throws {
        let node = try PretendNode([
            "alarm": "5", "processes": "4711:4:58953:sglang", "missing_card": "7",
        ])
        let found = try inventory(node, InventoryRequest(weights: "/data/glm-5.1"))
        let text = found.json.pretty
        #expect(try NodeInventory(json: JSONValue(parsing: text)) == found)
        #expect(
            try InventoryDigest(json: JSONValue(parsing: found.digest.json.compact)) == found.digest
        )
        try node.set(["npu_smi": "8005"])
        let broken = try inventory(node)
        #expect(try NodeInventory(json: JSONValue(parsing: broken.json.compact)) == broken)
    }

    @Test func `equal nodes have equal digests but for their place`() throws {
        let request = InventoryRequest(weights: "/data/glm-5.1")
        let first = try inventory(PretendNode(["server": "3"]), request)
        let second = try inventory(PretendNode(["server": "4"]), request)
        #expect(first.digest.serverIndex == 3 && second.digest.serverIndex == 4)
        #expect(first.digest.superPodID == second.digest.superPodID)
        #expect(first.digest.software == second.digest.software)
        #expect(first.digest.kernel == second.digest.kernel)
        #expect(first.digest.weights == second.digest.weights)
        #expect(first.digest.software.count == 16)
        let third = try inventory(PretendNode(["tls_on": "0"]), request)
        #expect(first.digest.software != third.digest.software)
    }

    enum DigestPart: CaseIterable, Sendable {
        case software, kernel, weights

        func value(of digest: InventoryDigest) -> String {
            switch self {
            case .software: digest.software
            case .kernel: digest.kernel
            case .weights: digest.weights
            }
        }
    }

    @Test func `a difference shows in its own part of the digest`() throws {
        let changes: [(String, String, DigestPart)] = [
            ("cann", "8.5.2", .software), ("torch_npu", "2.9.0", .software),
            ("firmware", "7.7.0", .software),
            ("swappiness", "60", .kernel), ("governor", "powersave", .kernel),
            ("weights_variant", "b", .weights),
        ]
        let request = InventoryRequest(weights: "/data/glm-5.1")
        // Without tools it is quick, and the files are what is looked at.
        let node = try PretendNode(["npu_smi": "missing"])
        var before = try inventory(node, request).digest
        for (key, value, part) in changes {
            try node.set([key: value])
            let after = try inventory(node, request).digest
            for other in DigestPart.allCases {
                let differs = other.value(of: before) != other.value(of: after)
                #expect(differs == (other == part), "\(key)=\(value) and \(other)")
            }
            before = after
        }
    }
}
