// Which SGLang a node has is asked before each launch, since it may be another than at the last one, and an
// engine is told what to do in the words of the one that it is. A question without an answer holds nothing
// up: the launch goes on with what was known before, and the next launch asks again. An answer that is no
// version is another matter: something is installed that nobody knows the words of, so nothing is launched.

import Base
import ClusterState
import Planning
import Profiles
import Supervision

extension NodeMachine {
    /// Asks, where the words depend on it; `sglangFound` goes on.
    /// - Returns: whether it was asked.
    mutating func asksForSGLang(_ shard: ShardID, _ spec: LaunchSpec) -> Bool {
        guard state.deployment?.engine == .sglang, spec.role.isEngine else { return false }
        sglangSearches.insert(shard)
        actions.append(.findSGLang(shard, spec))
        return true
    }

    mutating func sglangFound(_ shard: ShardID, _ finding: SGLangFinding) {
        guard sglangSearches.remove(shard) != nil else { return }
        switch finding {
        case .version(let version):
            if sglang != version {
                actions.append(.log(.info, "SGLang \(version) is installed here"))
            }
            sglang = version
        case .unreadable: break
        case .unknown(let why):
            let instead =
                sglang.map { "taken to be \($0), as before" }
                ?? "engines start with the profile as it is written"
            actions.append(
                .log(.warning, "the installed SGLang is not known (\(why)); \(instead)"))
        }
        let record = state.record(of: shard.group)
        guard record.generation == shard.generation, let group = record.launched else {
            driveShard(shard, .failed("its generation was over before it could start"))
            return
        }
        if let refusal = finding.refusal { return driveShard(shard, .failed(refusal)) }
        launch(shard, of: group, isVersionKnown: true)
    }
}
