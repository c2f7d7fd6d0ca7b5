// The router where nobody has installed one. sglang-router is a package of its own, which a node may be
// without though its engines are complete; the built-in router then serves in its place, with the same
// workers, and everybody is told. Asked anew before each launch: what is installed meanwhile is used by the
// next one, and what runs is not switched. Only a Python that says that it has none is taken at its word.
// Where the question fails, the published command is launched, and fails or serves by itself.

import Base
import ClusterState
import Planning
import Supervision
import WireProtocol

/// A router that is wanted, and is not launched before it is known which.
struct RouterSearch: Sendable {
    let shard: ShardID
    let spec: LaunchSpec
}

extension NodeMachine {
    /// Whether it must be known first which router there is.
    func asksForRouter(_ spec: LaunchSpec, _ engine: EngineKind) -> Bool {
        engine == .sglang && spec.routerPython != nil
    }

    mutating func findRouter(_ shard: ShardID, _ spec: LaunchSpec) {
        routerSearch = RouterSearch(shard: shard, spec: spec)
        actions.append(.findRouter(shard, spec))
    }

    mutating func routerFound(_ shard: ShardID, _ finding: RouterFinding) {
        guard let search = routerSearch, search.shard == shard else { return }
        routerSearch = nil
        switch finding {
        case .installed: actions.append(.launch(shard, search.spec, .sglang))
        case .missing:
            runsBuiltIn(shard)
            actions.append(.launch(shard, search.spec, .rehearsal))
        case .unknown(let why):
            actions.append(
                .log(
                    .warning,
                    "router: whether sglang_router is installed could not be found out, so it is "
                        + "launched as published: \(why)"))
            actions.append(.launch(shard, search.spec, .sglang))
        }
    }

    /// What was never launched cannot be stopped, and would stand in the way of all others.
    mutating func stop(_ shard: ShardID, grace: Duration) {
        let isSearched = routerSearch?.shard == shard || sglangSearches.contains(shard)
        guard isSearched else {
            actions.append(.stop(shard, grace: grace))
            return
        }
        if routerSearch?.shard == shard { routerSearch = nil }
        sglangSearches.remove(shard)
        driveShard(shard, .stopped(.notStarted("stopped before it was started")))
    }

    mutating func runsBuiltIn(_ shard: ShardID) {
        builtInRouter = shard
        hasShardNews = true
        actions.append(.log(.warning, Self.builtInNote(on: configuration.local)))
    }

    // MARK: - Told

    private static func builtInNote(on node: NodeID) -> String {
        "router: built-in, since sglang_router is not installed on \(node); "
            + "pip install sglang-router==0.3.2, then `glm-agent restart router`"
    }

    /// What operators should know of this node.
    var ownNotes: [String] {
        let told = fileNotes + settingNotes + notes + unwatchedNotes + unheardNotes
        guard let shard = builtInRouter, shards[shard]?.isGone == false,
            state.deployment?.engine == .sglang,
            state.record(of: shard.group).launchedSerial == state.deploymentSerial
        else { return told }
        return [Self.builtInNote(on: configuration.local)] + told
    }

    /// What the ledger says of a generation that serves; nil where it is what the profile wants.
    func servingNote(of record: GroupRecord) -> String? {
        guard let router = record.launched, router.role == .router,
            let node = router.ranks.first?.node
        else { return nil }
        let note = Self.builtInNote(on: node)
        return leadership?.reports[node]?.notes.contains(note) == true ? note : nil
    }
}
