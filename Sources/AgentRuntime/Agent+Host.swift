// What the agent does on its own host: ports, launches, probes and logs.

import Ascend
import Base
import Engines
import EventLoop
import Glibc
import Host
import Node
import Planning
import Profiles
import Supervision
import WireProtocol

extension Agent {
    func checkPorts(_ shard: ShardID, _ endpoints: [Endpoint]) {
        prepareEnvironment { [weak self] in
            self?.tune {
                self?.examiner.letGo(of: endpoints)
                self?.ports.conflicts(endpoints) { conflicts in
                    let text = conflicts.map(\.description).joined(separator: "; ")
                    self?.give(.shard(shard, .portsChecked(conflict: text.isEmpty ? nil : text)))
                }
            }
        }
    }

    func launch(_ shard: ShardID, _ spec: LaunchSpec, _ engine: EngineKind) {
        // A doctor that came while the ports were looked at may listen on them.
        examiner.letGo()
        shards?.launch(shard, spec, engine, base: base(for: spec))
    }

    /// How long a launch waits for what is installed to be known.
    private static let sglangLimit = Duration.seconds(30)

    /// Asks the engine's Python, in the environment that the engine is launched in.
    func findSGLang(_ shard: ShardID, _ spec: LaunchSpec) {
        findSGLang(of: spec) { [weak self] in self?.give(.sglangFound(shard, $0)) }
    }

    func findSGLang(of spec: LaunchSpec, completion: @escaping (SGLangFinding) -> Void) {
        let (environment, source) = beginning(of: spec)
        SGLangFinder(loop, environment: environment).find(
            python: spec.argv.first ?? "python3", source: source, within: Self.sglangLimit
        ) { answer in
            switch answer {
            case .success(let text): completion(SGLangFinding(told: text))
            case .failure(let failure): completion(.unknown("\(failure)"))
            }
        }
    }

    /// What an engine begins with, and what is still to be sourced on top of it.
    func beginning(of spec: LaunchSpec) -> (environment: [String: String], source: [String]) {
        guard let base = base(for: spec) else { return (environment, spec.source) }
        return (Dictionary(base.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 }), [])
    }

    /// Asks in the environment that the router is launched in.
    func findRouter(_ shard: ShardID, _ spec: LaunchSpec) {
        guard let python = spec.routerPython else {
            fatalError("\(shard) is asked for its router, and is started by \(spec.argv)")
        }
        SGLangFinder(loop, environment: environment).findRouter(
            python: python, source: spec.source, within: Self.sglangLimit
        ) { [weak self] answer in
            let finding: RouterFinding =
                switch answer {
                case .success(true): .installed
                case .success(false): .missing
                case .failure(let failure): .unknown("\(failure)")
                }
            self?.give(.routerFound(shard, finding))
        }
    }

    /// What the shards that the plan gives to this node want of the host.
    func wantedSettings() -> [HostSetting] {
        HostSetting.wanted(by: shardsOfPlan(), engine: engine)
    }

    /// What differs from what is wanted. Kernel files may take long on a host of hundreds of processors.
    func findTuningDifferences(completion: @escaping ([HostDifference]) -> Void) {
        runTuning({ [tuning] in tuning.differences(from: $0) }, completion: completion)
    }

    /// Compares the host with what is wanted, or makes it so, before an engine starts.
    private func tune(completion: @escaping () -> Void) {
        switch configuration.hostTuning {
        case .off: completion()
        case .check:
            findTuningDifferences { [weak self] differences in
                self?.note(.tuning, differences.map(\.description))
                completion()
            }
        case .apply:
            runTuning({ [tuning] in tuning.apply($0) }) { [weak self] failed in
                self?.note(.tuning, failed.map { "host setting not applied: \($0)" })
                completion()
            }
        }
    }

    private func runTuning(
        _ work: @escaping @Sendable ([HostSetting]) -> [HostDifference],
        completion: @escaping ([HostDifference]) -> Void
    ) {
        let wanted = wantedSettings()
        tuningQueue.run(
            { () throws(UVError) in work(wanted) },
            completion: { completion((try? $0.get()) ?? []) })
    }

    // MARK: - Probes

    /// Asks an engine; a prefill group is ready once its bootstrap server knows every rank, too.
    func probe(_ target: ProbeTarget, completion: @escaping (ProbeResult) -> Void) {
        let question: ProbeQuestion
        switch (target.role, target.kind) {
        case (.store, _):
            return dials.dial(target.http) { completion(ProbeResult(connecting: $0)) }
        case (.router, .readiness): question = .router
        case (.router, .liveness): return probeRouter(target, completion: completion)
        case (_, .readiness): question = .readiness
        case (_, .liveness): question = .liveness
        }
        probes.probe(question, target.http) { [weak self] answer in
            guard answer == .answers, target.kind == .readiness, let bootstrap = target.bootstrap
            else {
                completion(ProbeResult(answer, target.kind))
                return
            }
            self?.probes.probe(.bootstrap, bootstrap) {
                completion(ProbeResult($0, target.kind))
            }
        }
    }

    /// A router that has lost its workers is well all the same: nothing is gained by its restart.
    private func probeRouter(
        _ target: ProbeTarget, completion: @escaping (ProbeResult) -> Void
    ) {
        probes.probe(.routerLiveness, target.http) { [weak self] lives in
            guard lives == .answers else { return completion(ProbeResult(lives, .liveness)) }
            self?.probes.probe(.router, target.http) { serves in
                switch serves {
                case .answers: completion(.answers)
                case .starting(let text), .failing(let text), .unreachable(let text):
                    completion(.idle("has nothing to route to: \(text)"))
                case .refused: completion(ProbeResult(serves, .liveness))
                }
            }
        }
    }

    // MARK: - What does not end

    /// Dies and ports may be held, so the shard is not over; but its group need not wait to hear of it.
    func lingers(_ shard: ShardID, _ processIDs: [Int32]) {
        let why = "left \(Self.named(processIDs)) behind that SIGKILL does not end"
        give(.shard(shard, .lingers(why: why)))
        noteLingering(shard, processIDs)
    }

    func noteLingering(_ shard: ShardID, _ processIDs: [Int32]?) {
        lingering[shard] = processIDs
        note(
            .processes,
            lingering.sorted { $0.key < $1.key }.map { shard, processIDs in
                "SIGKILL does not end \(Self.named(processIDs)) of \(shard), whose shim is gone: they hang "
                    + "in the kernel (`dmesg`), and nothing else starts here before they have ended; if they "
                    + "stay, reboot this node"
            })
    }

    func logUnknown(_ shard: ShardID) {
        log(
            .warning,
            "what became of \(shard) cannot be found out: the look at its processes or its files hangs, or "
                + "fails. It counts as running meanwhile")
    }

    private static func named(_ processIDs: [Int32]) -> String {
        let numbers = processIDs.map(String.init).joined(separator: ", ")
        return processIDs.count == 1 ? "process \(numbers)" : "processes \(numbers)"
    }

    // MARK: - Logs

    func logTold(_ shard: ShardID, _ account: LogAccount) {
        give(.sighted(shard, account.sightings))
        if let progress = account.progress { give(.shard(shard, .progressed(progress))) }
    }

    /// Supervision goes on without a log, but knows less: that is said, once.
    func noteLogs(of shard: ShardID, _ trouble: String?) {
        logTroubles[shard] = trouble
        note(
            .logs,
            logTroubles.keys.sorted().compactMap { shard in
                logTroubles[shard].map {
                    "the logs of \(shard) cannot be read, so neither progress nor failures are known "
                        + "from them: \($0)"
                }
            })
    }

    func readLog(
        _ name: String, lastLines: Int, from: UInt64?, completion: @escaping (PeerAnswer) -> Void
    ) {
        guard let shard = ShardID(directoryName: name) else {
            completion(.refused(.notFound, "\(name) is no shard", advice: Advice.groups))
            return
        }
        let reader = LogReader(state: configuration.stateDirectory, shard: shard)
        logFiles.run(
            { () throws(UVError) in try reader.piece(lastLines: lastLines, from: from) },
            completion: { result in
                switch result {
                case .success(let piece): completion(.log(text: piece.text, next: piece.next))
                case .failure(let error) where error.code == -ENOENT && from != nil:
                    // Whoever reads on waits for what is to come.
                    completion(.log(text: "", next: 0))
                case .failure(let error) where error.code == -ENOENT:
                    completion(
                        .refused(
                            .notFound, "\(name) has no log here: it was never started",
                            advice: "`glm-agent status` tells what it waits for"))
                case .failure(let error):
                    completion(.refused(.notFound, "the log of \(name): \(error)"))
                }
            })
    }
}

extension HostSetting {
    /// What shards want of their host, each setting once.
    static func wanted(by shards: [ShardOfPlan], engine: EngineKind) -> [HostSetting] {
        var wanted: [HostSetting] = []
        for spec in shards.map(\.spec) {
            let sysctl = spec.host.sysctl.map { HostSetting.sysctl(name: $0.name, value: $0.value) }
            let governor = spec.host.governor.map { [HostSetting.governor($0)] } ?? []
            wanted += (sysctl + governor).filter { !wanted.contains($0) }
        }
        let ports = PortSet(shards.flatMap(\.reservedPorts))
        // Most of them HCCL takes: only engines with NPUs need them, and profiles that tune are for such.
        guard engine == .sglang || !wanted.isEmpty, !ports.isEmpty else { return wanted }
        return wanted + [.reservedPorts(ports)]
    }
}

extension ProbeResult {
    /// A store speaks a protocol of its own; that it takes connections is all that can be asked.
    fileprivate init(connecting failure: String?) {
        self = failure.map { .unreachable("takes no connection: \($0)") } ?? .answers
    }

    init(_ answer: ProbeAnswer, _ kind: ProbeKind) {
        switch (answer, kind) {
        case (.answers, _): self = .answers
        case (.starting(let text), _): self = .starting(text)
        case (.refused, .readiness): self = .unreachable("does not listen yet")
        case (.refused, .liveness): self = .unreachable("nobody listens any more")
        case (.unreachable(let text), _): self = .unreachable(text)
        case (.failing(let text), _): self = .failing(text)
        }
    }
}
