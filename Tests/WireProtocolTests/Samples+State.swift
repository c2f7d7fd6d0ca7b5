// Samples of what log entries and snapshots hold.

import Base
import ClusterState
import Diagnosis
import Planning
import Supervision

extension Sample {
    private static func endpoint(_ host: String, _ port: UInt16) -> Endpoint {
        Endpoint(host: host, port: port)
    }

    private static func deployment(_ engine: EngineKind) -> Deployment {
        Deployment(
            profileName: "glm-5.1-mixed", profileYAML: "name: glm-5.1-mixed\n# 中文\n",
            modelPath: "/data/GLM-5.1", engine: engine)
    }

    private static let prefill = PlannedGroup(
        name: GroupName("prefill-0"), role: .prefill, index: 0,
        ranks: [
            PlannedRank(node: NodeID("node-1"), address: "10.0.0.1"),
            PlannedRank(node: NodeID("node-2"), address: "10.0.0.2"),
        ],
        distInit: endpoint("10.0.0.1", 5000), http: endpoint("10.0.0.1", 8000),
        bootstrap: endpoint("10.0.0.1", 8998), store: endpoint("10.0.0.1", 24670))

    private static let decode = PlannedGroup(
        name: GroupName("decode-0"), role: .decode, index: 0,
        ranks: [PlannedRank(node: NodeID("node-3"), address: "fd00::3")], distInit: nil,
        http: endpoint("fd00::3", 65535), bootstrap: nil, store: nil)

    private static let mixed = PlannedGroup(
        name: GroupName("mixed-0"), role: .mixed, index: .max, ranks: [], distInit: nil,
        http: endpoint("", 0), bootstrap: nil, store: nil)

    private static let router = PlannedGroup(
        name: GroupName("router"), role: .router, index: 0,
        ranks: [PlannedRank(node: NodeID("node-1"), address: "10.0.0.1")], distInit: nil,
        http: endpoint("0.0.0.0", 6688), bootstrap: nil, store: nil,
        workers: [
            PlannedWorker(
                group: GroupName("prefill-0"), role: .prefill, http: endpoint("10.0.0.1", 8000),
                bootstrapPort: 8998),
            PlannedWorker(
                group: GroupName("decode-0"), role: .decode, http: endpoint("fd00::3", 65535),
                bootstrapPort: nil),
        ])

    private static func plan(_ epoch: UInt64) -> Plan {
        Plan(
            epoch: Epoch(epoch), groups: [prefill, decode, router], spares: [NodeID("node-4")])
    }

    private static let failure = EndCause(
        .failure, why: "rank 1 on node-2 ended: killed by signal 9", node: NodeID("node-2"),
        rank: NodeRank(1), logTail: ["loading shard 7", "显存不足"])

    private static let diagnosis = FailureDiagnosis(
        kind: "npu-memory", rank: NodeRank(1), node: NodeID("node-2"), worldRank: 19, die: 3,
        line: "RuntimeError: NPU out of memory 显存不足",
        time: TimeSpan(earliest: 1_795_547_128_119_000, latest: 1_795_547_128_119_999),
        accuser: nil, rivals: [NodeRank(0)],
        echoes: [
            .init(
                rank: .master, node: NodeID("node-1"), kind: "peer-closed",
                line: "Connection closed by peer", milliseconds: 250),
            .init(rank: .master, node: NodeID("node-1"), kind: "x", line: "", milliseconds: .min),
        ])

    private static let diagnosedFailure = EndCause(
        .failure, why: failure.why, node: failure.node, rank: failure.rank, logTail: [],
        diagnosis: diagnosis)

    private static let generation = Generation(3)

    static let command: [Sample] = [
        Sample("restart a group", .restart(GroupName("prefill-0"))),
        Sample("deploy with SGLang", .deploy(deployment(.sglang))),
        Sample("deploy a rehearsal", .deploy(deployment(.rehearsal)), at: 0),
        Sample("deploy a command", .deploy(deployment(.command(["sh", "-c", ""]))), at: -1),
        Sample("deploy an empty command", .deploy(deployment(.command([]))), at: .max),
        Sample("plan of three groups", .plan(plan(1))),
        Sample(
            "plan of nothing",
            .plan(Plan(epoch: Epoch(largest), groups: [], spares: [])), at: .min),
        Sample("launch a prefill group", .launch(prefill, generation, why: "first launch")),
        Sample("launch a router", .launch(router, Generation(1), why: "")),
        Sample("launch a group at the edges", .launch(mixed, Generation(largest), why: "x")),
        Sample(
            "end after a failure",
            .end(GroupName("prefill-0"), generation, failure, isTerminal: false)),
        Sample(
            "end for good",
            .end(GroupName("prefill-0"), generation, failure, isTerminal: true)),
        Sample(
            "end with a lost node",
            .end(
                GroupName("decode-0"), generation,
                EndCause(
                    .nodeLost, why: "node-3, which held rank 0, is gone", node: NodeID("node-3"),
                    rank: .master), isTerminal: false)),
        Sample(
            "end with a changed plan",
            .end(
                GroupName("decode-0"), generation, EndCause(.planChanged, why: "changed"),
                isTerminal: false)),
        Sample(
            "end by the operator",
            .end(
                GroupName("decode-0"), generation, EndCause(.byOperator, why: ""),
                isTerminal: false)),
        Sample("settle", .settle(GroupName("prefill-0"), generation)),
        Sample("stop everything", .stop(nil)),
        Sample("stop a group", .stop(GroupName("decode-0"))),
        Sample("start everything", .start(nil)),
        Sample("start a group", .start(GroupName("组-0"))),
        Sample("elected", .elected(NodeID("node-1"), term: largest)),
        Sample("joined", .joined([NodeID("node-1"), NodeID("node-2")])),
        Sample("joined by nobody", .joined([])),
        Sample("lost", .lost([NodeID("node-2")])),
        Sample("serves", .serves(GroupName("prefill-0"), generation)),
        Sample(
            "end with the owner of its store",
            .end(
                GroupName("decode-0"), generation,
                EndCause(
                    endOf: GroupName("prefill-0"),
                    why: "shares the transfer store of prefill-0, which has a new one"),
                isTerminal: false)),
        Sample("launch a store", .launch(store, generation, why: "")),
        Sample(
            "end with a diagnosis",
            .end(GroupName("prefill-0"), generation, diagnosedFailure, isTerminal: false)),
        Sample("amend", .amend(GroupName("prefill-0"), generation, diagnosis)),
        Sample(
            "amend with what a newer agent knows",
            .amend(
                GroupName("prefill-0"), Generation(largest),
                FailureDiagnosis(
                    kind: "of-tomorrow", rank: .master, node: NodeID("节点-2"), worldRank: nil,
                    die: nil, line: "", time: TimeSpan(earliest: .min, latest: .max),
                    accuser: NodeRank(1), rivals: [], echoes: []))),
        Sample(
            "serves with a note",
            .serves(GroupName("router"), generation, note: "router: built-in, 内置")),
        Sample("cordon", .cordon(NodeID("node-2"), .cordon)),
        Sample("drain", .cordon(NodeID("节点-2"), .drain)),
        Sample("drain by force", .cordon(NodeID("node-2"), .force)),
        Sample("uncordon", .uncordon(NodeID("node-2"))),
        Sample("apply", .apply(deployment(.sglang), atOnce: false)),
        Sample("apply at once", .apply(deployment(.command(["x"])), atOnce: true)),
        Sample(
            "launch with the end of the generation before",
            .launch(
                decode, generation, why: "again",
                stoppedAt: WallTime(millisecondsSinceEpoch: 1_795_547_128_120))),
        Sample(
            "end with the time of the failure",
            .end(
                GroupName("prefill-0"), generation, failure, isTerminal: false,
                failedAt: WallTime(millisecondsSinceEpoch: .min))),
    ]

    private static func record(
        _ group: PlannedGroup, _ phase: GroupPhase, generation: UInt64 = 3
    ) -> GroupRecord {
        var record = GroupRecord(name: group.name)
        record.generation = Generation(generation)
        record.phase = phase
        record.launched = group
        record.launchedSerial = 2
        record.failures = 1
        record.restarts = 2
        return record
    }

    private static let stoppedRecord: GroupRecord = {
        var record = GroupRecord(name: GroupName("unused"))
        record.isStoppedByOperator = true
        return record
    }()

    static let state: [Sample] = [
        Sample("state before everything", ReplicatedState()),
        Sample(
            "state with every group phase",
            ReplicatedState(
                deployment: deployment(.rehearsal), deploymentSerial: 2, isWanted: false,
                plan: plan(4), epoch: Epoch(4),
                groups: [
                    record(decode, .ended(failure)), record(mixed, .failed(failure)),
                    record(prefill, .running, generation: largest), stoppedRecord,
                ],
                ledger: events(LedgerEvent.Kind.allCases.prefix(firstKinds)),
                nextSequence: largest)),
        Sample("state with a history", historic),
        Sample("state with groups that share a store", sharing),
        Sample("state with a diagnosis", diagnosed),
        Sample("state with restarts", restarted),
        Sample("state with cordons", cordoned),
        Sample("state with a roll-out", rollingOut),
    ]

    /// Of the kinds of events, so many are in the older vector; newer ones are in a newer one.
    private static let firstKinds = 9

    private static func events(_ kinds: ArraySlice<LedgerEvent.Kind>) -> [LedgerEvent] {
        kinds.enumerated().map { index, kind in
            LedgerEvent(
                sequence: UInt64(index) + 1,
                time: WallTime(millisecondsSinceEpoch: Int64(index) - 1), kind: kind,
                node: index % 2 == 0 ? nil : NodeID("node-2"),
                group: index % 3 == 0 ? nil : GroupName("decode-0"),
                generation: index % 3 == 0 ? nil : Generation(3), text: "\(kind) 🙂")
        }
    }

    private static let diagnosed = ReplicatedState(
        deployment: nil, deploymentSerial: 0, isWanted: true, plan: nil, epoch: .none,
        groups: [record(decode, .ended(diagnosedFailure))],
        ledger: events(LedgerEvent.Kind.allCases.dropFirst(firstKinds + 4).prefix(1)),
        nextSequence: 2,
        electedTerm: 1)

    private static let historic: ReplicatedState = {
        let time = WallTime(millisecondsSinceEpoch: 1_795_547_128_120)
        var served = record(prefill, .running)
        served.launchedAt = WallTime(millisecondsSinceEpoch: -1)
        served.servesSince = time
        served.lastFailure = GroupFailure(
            generation: Generation(2), cause: failure, time: time)
        var launched = record(decode, .running)
        launched.launchedAt = time
        return ReplicatedState(
            deployment: nil, deploymentSerial: 0, isWanted: true, plan: nil, epoch: .none,
            groups: [launched, served],
            ledger: events(LedgerEvent.Kind.allCases.dropFirst(firstKinds).prefix(4)),
            nextSequence: 5,
            electedTerm: 7,
            present: [NodeID("node-1"), NodeID("节点-2")])
    }()

    private static let cordoned: ReplicatedState = {
        let at = { WallTime(millisecondsSinceEpoch: $0) }
        return ReplicatedState(
            deployment: nil, deploymentSerial: 0, isWanted: true, plan: nil, epoch: .none,
            groups: [],
            ledger: events(LedgerEvent.Kind.allCases.dropFirst(firstKinds + 5).prefix(3)),
            nextSequence: 9, electedTerm: 7,
            restartLedger: RestartLedger(leader: NodeID("node-1")),
            cordons: [
                Cordon(node: NodeID("node-2"), kind: .force, since: at(.max)),
                Cordon(node: NodeID("node-3"), kind: .cordon, since: at(0)),
                Cordon(node: NodeID("节点-4"), kind: .drain, since: at(-1)),
            ])
    }()

    private static let rollingOut = ReplicatedState(
        deployment: deployment(.sglang), deploymentSerial: 4, isWanted: true, plan: nil,
        epoch: .none, groups: [], ledger: [], nextSequence: 1, electedTerm: 7,
        restartLedger: RestartLedger(leader: NodeID("node-1")),
        cordons: [
            Cordon(
                node: NodeID("node-2"), kind: .drain, since: WallTime(millisecondsSinceEpoch: 5))
        ],
        rollout: Rollout(
            past: [
                PastDeployment(serial: 1, deployment: deployment(.rehearsal)),
                PastDeployment(serial: 3, deployment: deployment(.command([]))),
            ], isSetAside: true, isAtOnce: true))

    private static let restarted: ReplicatedState = {
        let at = { WallTime(millisecondsSinceEpoch: $0) }
        let open = RestartRecord(
            group: prefill.name, ended: generation, epoch: Epoch(4), cause: diagnosedFailure,
            isOrdered: false, leader: NodeID("节点-1"), failedAt: nil, detectedAt: at(.max))
        let whole = RestartRecord(
            group: decode.name, ended: Generation(1), launched: Generation(2), epoch: Epoch(1),
            kind: .dependency, why: "", node: nil, rank: nil, isOrdered: true, leader: nil,
            failedAt: at(0), detectedAt: at(1), stoppedAt: at(2), launchedAt: at(3),
            readyAt: at(4))
        return ReplicatedState(
            deployment: nil, deploymentSerial: 0, isWanted: true, plan: nil, epoch: .none,
            groups: [], ledger: [], nextSequence: 1, electedTerm: 7,
            restartLedger: RestartLedger(
                records: [whole, open],
                tallies: [
                    RepairTally(group: decode.name, repairs: 2, milliseconds: 9, ends: [1, 2]),
                    RepairTally(group: prefill.name, outageSince: at(-1)),
                ], leader: NodeID("node-2")))
    }()

    private static let store = PlannedGroup(
        name: GroupName("store"), role: .store, index: 0, ranks: [prefill.ranks[0]],
        distInit: nil, http: Endpoint(host: "10.0.0.1", port: 24670), bootstrap: nil,
        store: Endpoint(host: "10.0.0.1", port: 24670))

    private static let sharing: ReplicatedState = {
        var owner = record(prefill, .running)
        owner.storeGeneration = owner.generation
        owner.launchedAt = WallTime(millisecondsSinceEpoch: 1)
        var sharer = record(
            decode, .ended(EndCause(endOf: prefill.name, why: "shares the transfer store")))
        sharer.storeGeneration = Generation(largest)
        sharer.launchedAt = WallTime(millisecondsSinceEpoch: 0)
        return ReplicatedState(
            deployment: nil, deploymentSerial: 0, isWanted: true, plan: nil, epoch: .none,
            groups: [sharer, owner], ledger: [], nextSequence: 1, electedTerm: 1,
            present: [NodeID("node-1")])
    }()
}
