// Checks 9 and 10: what engines would have in their environment. HCCL ignores a name that it does not know
// and a value that it cannot read, and ranks that differ in some of them fail to meet.

import Ascend
import Base
import Profiles

extension Diagnosis {
    mutating func checkEnvironment(_ cluster: ClusterExamination) -> String {
        for (node, found) in cluster.told { checkEnvironment(node, found) }
        compareInherited(cluster)
        compareSourced(cluster)
        return "no misspelt name, no proxy, equal on every node"
    }

    private mutating func checkEnvironment(_ node: NodeID, _ found: NodeExamination) {
        for variable in found.environment { checkName(node, variable.name, "the agent's") }
        for variable in found.inherited where variable.name.lowercased().hasSuffix("_proxy") {
            report(
                .environment, .warning, node, "\(variable.name) is set to \(variable.value)",
                remedy: "unset it for the agent: engines would ask one another through it")
        }
        for shard in found.shards {
            for variable in shard.environment { checkName(node, variable.name, "\(shard.name)'s") }
            checkInterfaceName(node, found, shard)
            checkTimeouts(node, found, shard)
        }
    }

    /// Only names that are nearly known ones: engines have more than can be listed.
    private mutating func checkName(_ node: NodeID, _ name: String, _ whose: String) {
        let families = ["HCCL_", "ASCEND_", "GLOO_", "PYTORCH_", "PYTHORCH_", "SGLANG_"]
        guard families.contains(where: { name.hasPrefix($0) }), !KnownEnvironment.contains(name),
            let nearest = KnownEnvironment.nearest(to: name)
        else { return }
        report(
            .environment, .warning, node,
            "\(name) in \(whose) environment is known to nobody; \(nearest) is",
            remedy: "write \(nearest), if that was meant")
    }

    /// `eth1` is a prefix for HCCL, and takes `eth10` too; `=eth1` is exact.
    private mutating func checkInterfaceName(
        _ node: NodeID, _ found: NodeExamination, _ shard: PlannedShard
    ) {
        guard let name = found.value(of: "HCCL_SOCKET_IFNAME", in: shard),
            !name.isEmpty, !name.hasPrefix("="), !name.hasPrefix("^")
        else { return }
        let matched = found.inventory.interfaces.map(\.name).filter { $0.hasPrefix(name) }
        guard matched.count > 1 else { return }
        report(
            .environment, .warning, node,
            "HCCL_SOCKET_IFNAME=\(name) is a prefix, and fits \(matched.joined(separator: ", "))",
            remedy: "write =\(name)")
    }

    private mutating func checkTimeouts(
        _ node: NodeID, _ found: NodeExamination, _ shard: PlannedShard
    ) {
        let mode = found.value(of: "HCCL_OP_EXPANSION_MODE", in: shard)
        let limit = found.value(of: "HCCL_EXEC_TIMEOUT", in: shard)
        if mode == "AIV", let limit, let seconds = Int(limit), seconds == 0 || seconds > 1091 {
            report(
                .environment, .warning, node,
                "HCCL_EXEC_TIMEOUT=\(limit) with HCCL_OP_EXPANSION_MODE=AIV means 1091 s",
                remedy: "give a number from 1 to 1091")
        }
        if let connect = found.value(of: "HCCL_CONNECT_TIMEOUT", in: shard),
            !(120...7200).contains(Int(connect) ?? 0)
        {
            report(
                .environment, .error, node,
                "HCCL_CONNECT_TIMEOUT=\(connect) is not within 120 to 7200 s",
                remedy: "give a number within")
        }
    }

    /// What the plan sets is equal by construction; what agents hand down is not.
    private mutating func compareInherited(_ cluster: ClusterExamination) {
        let told = cluster.told
        let all = Set(told.flatMap { $0.found.inherited.map(\.name) })
        // What was sourced is compared by itself.
        let sourced = told.flatMap { $0.found.inventory.environment.value?.variables ?? [] }
        let own = all.subtracting(sourced.map(\.name)).subtracting(Self.ownToNode)
        for name in own.sorted() {
            compare(
                .environment, .warning, "\(name) of the agent",
                told.map { told in
                    (
                        told.node,
                        told.found.inherited.last { $0.name == name }?.value ?? "not set"
                    )
                }, shown: { $0 }, remedy: "make the service's environment equal on every node")
        }
    }

    /// What the vendor's scripts make of a clean shell must be the same on every node.
    private mutating func compareSourced(_ cluster: ClusterExamination) {
        var snapshots: [(node: NodeID, value: EnvironmentSnapshot)] = []
        var without: [NodeID] = []
        for (node, found) in cluster.told {
            switch found.inventory.environment {
            case .known(let snapshot): snapshots.append((node, snapshot))
            case .unknown(let gap) where gap.kind == .notInstalled: without.append(node)
            case .unknown(let gap) where gap.kind == .notAsked: break
            case .unknown(let gap): report(.environment, node, gap: gap)
            }
        }
        for node in without {
            report(
                .environment, snapshots.isEmpty ? .info : .warning, node,
                "there is no set_env.sh: engines inherit the environment of the agent",
                remedy: snapshots.isEmpty ? "" : "install CANN and NNAL as on the other nodes")
        }
        // Equal hashes spare the comparison of a hundred variables a node.
        guard Set(snapshots.map(\.value.hash)).count > 1 else { return }
        let all = Set(snapshots.flatMap { $0.value.variables.map(\.name) }).sorted()
        let commons = all.map { name in
            (name, Common(snapshots.map { ($0.node, $0.value.value(of: name)) }))
        }
        let remedy = "make the versions and the scripts equal: set_env.sh of CANN and of NNAL"
        for (node, snapshot) in snapshots {
            // One cause moves a dozen variables: the first is told, and the names of the others.
            let odd = commons.filter { name, common in
                !common.isEqual && (common.usual.map { $0 != snapshot.value(of: name) } ?? true)
            }
            guard let (name, common) = odd.first else { continue }
            let detail =
                common.usual.map { Self.difference(of: snapshot.value(of: name), from: $0) }
                ?? common.parties.map { "\($0.value ?? "not set") on \(names($0.nodes))" }
                .joined(separator: "; ")
            let others = odd.dropFirst().map(\.0).joined(separator: ", ")
            report(
                .environment, .warning, node,
                "\(name), sourced: \(detail)" + (others.isEmpty ? "" : "; also \(others)"),
                remedy: remedy)
        }
    }

    /// Of long lists, only what one has and the other has not.
    private static func difference(of value: String?, from usual: String?) -> String {
        guard let value else { return "not set, while most have \(usual ?? "")" }
        guard let usual else { return "\(value), while most have none" }
        let (own, others) = (value.split(separator: ":"), usual.split(separator: ":"))
        let extra = own.filter { !others.contains($0) }.joined(separator: ":")
        let missing = others.filter { !own.contains($0) }.joined(separator: ":")
        guard own.count > 1 || others.count > 1, !(extra.isEmpty && missing.isEmpty) else {
            return "\(value), while most have \(usual)"
        }
        let parts = [
            extra.isEmpty ? "" : "has \(extra)", missing.isEmpty ? "" : "lacks \(missing)",
        ]
        return parts.filter { !$0.isEmpty }.joined(separator: ", ") + ", unlike most"
    }

    private static let ownToNode = [
        "HCCL_IF_IP", "HCCL_SOCKET_IFNAME", "GLOO_SOCKET_IFNAME", "TP_SOCKET_IFNAME",
        "SGLANG_HOST_IP", "HOST_IP",
    ]

    // MARK: - 10

    mutating func checkStore(_ cluster: ClusterExamination) -> String {
        let name = "ASCEND_MF_STORE_URL"
        if cluster.isLocal { reportLocal(.store, "what is planned is not known here") }
        var values: [(node: NodeID, value: String)] = []
        for (node, found) in cluster.told {
            for shard in found.shards {
                guard let value = found.value(of: name, in: shard) else { continue }
                values.append((node, value))
            }
        }
        guard let first = values.first?.value else { return "no shard has one" }
        compare(
            .store, .error, name, values, shown: { $0 },
            remedy: "give prefill and decode the same store")
        guard let port = first.split(separator: ":").last.flatMap({ UInt16($0) }),
            let start = first.firstRange(of: "://")?.upperBound
        else {
            report(
                .store, .error, nil, "\(name)=\(first) has no port",
                remedy: "write tcp://ADDRESS:PORT of the first prefill node")
            return ""
        }
        // A group alone may be another prefill than the one with the store.
        if !cluster.isOneGroup {
            let host = String(first[start...].dropLast("\(port)".count + 1))
            checkStoreOwner(first, at: host, cluster)
        }
        if (15000...25000).contains(port) {
            report(
                .store, .info, nil,
                "port \(port) is in 15000-25000, where MemFabric takes ports at random; a start may "
                    + "find it taken")
        }
        return first
    }

    /// The node with the store is judged by what it tells itself.
    private mutating func checkStoreOwner(
        _ url: String, at address: String, _ cluster: ClusterExamination
    ) {
        let prefills = cluster.told.filter { $0.found.shards.contains { $0.role == .prefill } }
        guard !prefills.contains(where: { $0.found.address == address }) else { return }
        let silent = cluster.silent
        if !silent.isEmpty, !cluster.told.contains(where: { $0.found.address == address }) {
            report(
                .store, .unknown, nil,
                "whether \(url) is on a prefill node: \(names(silent)) did not tell",
                remedy: "see to what check 0 says first")
        } else if !prefills.isEmpty {
            report(
                .store, .error, nil, "\(url) is on no prefill node",
                remedy: "the store runs in the first prefill group: name its node")
        }
    }
}

extension NodeExamination {
    /// Without what every launch takes away.
    fileprivate var inherited: [Variable] {
        let unset = shards.map { Set($0.unset) }
        return environment.filter { variable in
            unset.isEmpty || !unset.allSatisfy { $0.contains(variable.name) }
        }
    }

    /// What the shard would have.
    fileprivate func value(of name: String, in shard: PlannedShard) -> String? {
        shard.value(of: name)
            ?? (shard.unset.contains(name) ? nil : environment.last { $0.name == name }?.value)
    }
}
