// The preflight: before an engine is told to load for half an hour, the SGLang of its node reads the command.
// It takes as long as SGLang's import, so it is made where it is asked for, and what was understood once is not
// read again by the same version in the same environment.

import Ascend
import Base
import Doctor
import EventLoop
import Host
import Node
import Planning
import Profiles
import WireProtocol

extension Agent {
    /// SGLang imports PyTorch and the vendor's libraries.
    private static let preflightLimit = Duration.seconds(120)

    /// Answers what the installed SGLang says of the commands that are planned here, or that of one group.
    func tellPreflight(
        launchOf group: GroupName?, completion: @escaping (PeerAnswer) -> Void
    ) {
        let engines = { (shards: [ShardOfPlan]) in
            shards.filter { $0.spec.role.isEngine && (group == nil || $0.spec.group == group) }
        }
        let tell = { (commands: [ReadCommand]) in
            completion(.document(of: ["commands": commands.json]))
        }
        guard engine == .sglang, let first = engines(shardsOfPlan()).first else {
            return loop.soon { tell([]) }
        }
        prepareEnvironment { [weak self] in
            self?.findSGLang(of: first.spec) { finding in
                guard let self else { return }
                var version: Version?
                if case .version(let found) = finding { version = found }
                let shards = engines(self.shardsOfPlan(sglang: version))
                if let refusal = finding.refusal {
                    return tell(shards.map { ReadCommand($0.name, .known(refusal)) })
                }
                self.read(shards[...], version, told: [], completion: tell)
            }
        }
    }

    /// One after the other.
    private func read(
        _ shards: ArraySlice<ShardOfPlan>, _ version: Version?, told: [ReadCommand],
        completion: @escaping ([ReadCommand]) -> Void
    ) {
        guard let shard = shards.first else { return completion(told) }
        read(shard, version) { [weak self] refusal in
            self?.read(
                shards.dropFirst(), version, told: told + [ReadCommand(shard.name, refusal)],
                completion: completion)
        }
    }

    private func read(
        _ shard: ShardOfPlan, _ version: Version?, completion: @escaping (Fact<String?>) -> Void
    ) {
        if let refusal = shard.refusal { return completion(.known(refusal)) }
        var (environment, source) = beginning(of: shard.spec)
        for name in shard.spec.removed { environment[name] = nil }
        for variable in shard.spec.environment { environment[variable.name] = variable.value }
        let words = environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        let key = [version?.description ?? ""] + source + words + shard.spec.argv
        if version != nil, understood.contains(key) { return completion(.known(nil)) }
        SGLangPreflight(loop, environment: environment).read(
            shard.spec.argv, source: source, within: Self.preflightLimit
        ) { [weak self] refusal in
            if refusal == .known(nil) { self?.understood.insert(key) }
            completion(refusal)
        }
    }
}
