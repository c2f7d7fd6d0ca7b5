// Samples of reports, the leader's view, requests and answers.

import Ascend
import Base
import ClusterState
import Consensus
import Diagnosis
import Doctor
import Supervision
import WireProtocol

extension Sample {
    private static func shard(
        _ state: ShardState, process: Int32? = nil, since: Int64 = 1_795_547_128_120,
        exit: ExitStatus? = nil, why: String = "", logTail: [String] = [], endedAt: Int64? = nil
    ) -> ShardReport {
        ShardReport(
            shard: ShardID(
                group: GroupName("prefill-0"), generation: Generation(3), rank: .master),
            state: state, processID: process, since: WallTime(millisecondsSinceEpoch: since),
            exit: exit, why: why, logTail: logTail,
            endedAt: endedAt.map { EndTime(microsecondsSinceEpoch: $0) })
    }

    private static func nodeReport(_ shards: [ShardReport]) -> NodeReport {
        NodeReport(
            node: NodeID("node-1"), applied: LogIndex(42), deploymentDigest: 0xCBF2_9CE4_8422_2325,
            shards: shards)
    }

    static let report: [Sample] = [
        Sample(
            "report of an idle node",
            .report(
                NodeReport(
                    node: NodeID("n"), applied: .zero, deploymentDigest: .max, shards: []))),
        Sample(
            "report of every shard state",
            .report(
                nodeReport([
                    shard(.waiting, why: "port 8000 is held by python3 (4711)"),
                    shard(.starting), shard(.loading, process: 4711),
                    shard(.ready, process: .max), shard(.unresponsive, process: 1),
                    shard(.stopping, process: 4711), shard(.exited, exit: .unknown),
                    shard(.stopped, exit: .code(0)),
                ]))),
        Sample(
            "report of every exit",
            .report(
                nodeReport([
                    shard(.exited, exit: .code(.min), why: "exit code", logTail: [""]),
                    shard(.exited, exit: .code(.max)),
                    shard(.exited, exit: .signal(9), logTail: ["first line", "显存不足 🙂", "\t\"\\"]),
                    shard(.exited, exit: .notStarted("no such file: python3")),
                    shard(.exited, exit: .unknown),
                ]))),
        Sample(
            "report at the edges of time",
            .report(
                nodeReport([
                    shard(.waiting, since: .min), shard(.waiting, since: -1),
                    shard(.waiting, since: 0), shard(.waiting, since: .max),
                ]))),
        Sample(
            "report of ends that the shim saw",
            .report(
                nodeReport([
                    shard(.exited, exit: .signal(9), endedAt: 1_795_547_128_119_250),
                    shard(.stopped, exit: .code(0), endedAt: .min),
                    shard(.exited, exit: .code(0), endedAt: .max),
                ]))),
        Sample(
            "report of loads",
            .report(
                nodeReport(
                    [
                        LoadingProgress(phase: .meeting, moves: 1),
                        LoadingProgress(
                            phase: .weights, steps: .init(done: 13, total: 29), moves: 16),
                        LoadingProgress(phase: .memory, moves: 33),
                        LoadingProgress(
                            phase: .graphs, steps: .init(done: 0, total: 12), moves: 40),
                        LoadingProgress(phase: .warmup, moves: 53),
                        LoadingProgress(phase: .ready, moves: .max),
                    ].map { progress in
                        var report = shard(.loading, process: 4711)
                        report.progress = progress
                        return report
                    }))),
        Sample(
            "report of the largest generation and rank",
            .report(
                nodeReport([
                    ShardReport(
                        shard: ShardID(
                            group: GroupName(""), generation: Generation(largest),
                            rank: NodeRank(.max)),
                        state: .loading, processID: 1, since: WallTime(millisecondsSinceEpoch: 1))
                ]))),
    ]

    static let notes: [Sample] = [
        Sample(
            "report with a note",
            .report(
                NodeReport(
                    node: NodeID("node-3"), applied: LogIndex(7), deploymentDigest: 9, shards: [],
                    notes: ["vm.swappiness=0: /proc/sys/vm/swappiness is 60"]))),
        Sample(
            "report with notes",
            .report(
                NodeReport(
                    node: NodeID("node-3"), applied: LogIndex(7), deploymentDigest: 9, shards: [],
                    notes: ["one", "another"]))),
    ]

    static let view: [Sample] = [
        Sample(
            "view of a group that the launch gate holds back",
            .view(
                LeaderView(
                    groups: [
                        GroupSummary(
                            group: GroupName("decode-0"), condition: .waiting, why: "for node-4",
                            gate: [
                                GateFinding(
                                    .blocks, .holders, node: NodeID("node-4"),
                                    dies: [DieID(5), DieID(6)],
                                    evidence: "held by process 4711", remedy: "end it"),
                                GateFinding(.accepted, .dies, node: NodeID("node-4"), evidence: ""),
                                GateFinding(.unknown, .speed, node: nil, evidence: "x"),
                            ])
                    ], reports: [], voters: 3))),
        Sample(
            "view of groups that serve, may serve and wait for a launch",
            .view(
                LeaderView(
                    groups: [
                        GroupSummary(
                            group: GroupName("decode-0"), condition: .degraded, why: "away",
                            serves: true),
                        GroupSummary(
                            group: GroupName("decode-1"), condition: .backoff, why: "failure",
                            serves: false, launchAt: WallTime(millisecondsSinceEpoch: 1_000)),
                        GroupSummary(
                            group: GroupName("decode-2"), condition: .waiting, why: "",
                            launchAt: WallTime(millisecondsSinceEpoch: -1)),
                        GroupSummary(
                            group: GroupName("decode-3"), condition: .waiting, why: "for node-4",
                            gate: [
                                GateFinding(.unknown, .speed, node: nil, evidence: "x")
                            ], serves: false),
                    ], reports: [], voters: 3))),
        Sample("view of nothing", .view(LeaderView(groups: [], reports: [], voters: 1))),
        Sample(
            "view with the leader's settings",
            .view(
                LeaderView(
                    groups: [], reports: [], voters: 3,
                    settings: [
                        FileSetting("timing.stable_view", "15s"), FileSetting("preflight", "off"),
                    ]))),
        Sample(
            "view of every condition",
            .view(
                LeaderView(
                    groups: GroupCondition.allCases.map {
                        GroupSummary(
                            group: GroupName("decode-0"), condition: $0, why: "because: \($0)")
                    },
                    reports: [nodeReport([shard(.ready, process: 4711)]), nodeReport([])],
                    voters: 4))),
    ]

    static let request: [Sample] = [
        Sample(
            "request to restart a group",
            .request(RequestID(1), .propose(.init(.restart(GroupName("prefill-0")), at: time)))),
        Sample(
            "request for the last lines of a log",
            .request(RequestID(largest), .log(shard: "prefill-0.g3.r1", lastLines: 50, from: nil))
        ),
        Sample(
            "request for a log from an offset",
            .request(RequestID(0), .log(shard: "router.g1.r0", lastLines: 0, from: .max))),
        Sample(
            "request for the facts of a node",
            .request(RequestID(7), .examine(.facts(launchOf: nil)))),
        Sample(
            "request for the facts of a node before a launch",
            .request(RequestID(7), .examine(.facts(launchOf: GroupName("decode-0"))))),
        Sample(
            "request for a preflight", .request(RequestID(7), .examine(.preflight(launchOf: nil)))),
        Sample(
            "request for a preflight of a group",
            .request(RequestID(7), .examine(.preflight(launchOf: GroupName("decode-0"))))),
        Sample("request for the speed of a node", .request(RequestID(7), .examine(.speed))),
        Sample(
            "request to kill a shard",
            .request(
                RequestID(1),
                .examine(
                    .strike(
                        .killShard(
                            ShardID(
                                group: GroupName("组-0"), generation: Generation(largest),
                                rank: NodeRank(1))))))),
        Sample(
            "request to freeze a shard",
            .request(
                RequestID(2),
                .examine(
                    .strike(
                        .freezeShard(
                            ShardID(
                                group: GroupName("prefill-0"), generation: Generation(3),
                                rank: .master)))))),
        Sample(
            "request to thaw a shard",
            .request(
                RequestID(3),
                .examine(
                    .strike(
                        .thawShard(
                            ShardID(
                                group: GroupName("prefill-0"), generation: Generation(3),
                                rank: .master)))))),
        Sample("request to kill an agent", .request(RequestID(4), .examine(.strike(.killAgent)))),
        Sample(
            "request to freeze an agent",
            .request(RequestID(5), .examine(.strike(.freezeAgent(seconds: 10))))),
        Sample(
            "request to reach nobody",
            .request(RequestID(8), .examine(.reach(dials: [], pings: [])))),
        Sample(
            "request to reach others",
            .request(
                RequestID(9),
                .examine(
                    .reach(
                        dials: [
                            DialTarget(
                                node: NodeID("node-2"),
                                endpoint: Endpoint(host: "10.0.0.2", port: 8000))
                        ],
                        pings: [
                            PingTarget(die: 15, node: NodeID("node-3"), address: "192.3.3.184")
                        ])))),
    ]

    static let answer: [Sample] = [
        Sample("answer: accepted", .answer(RequestID(1), .accepted("prefill-0 is restarted"))),
        Sample("answer: not found", .answer(RequestID(2), .refused(.notFound, "no group x"))),
        Sample("answer: unavailable", .answer(RequestID(3), .refused(.unavailable, ""))),
        Sample("answer: timed out", .answer(RequestID(4), .refused(.timedOut, "look later"))),
        Sample(
            "answer: refused with what to do",
            .answer(
                RequestID(8),
                .refused(.notFound, "no node x", advice: "`glm-agent members` lists the nodes"))),
        Sample("answer: an empty log", .answer(RequestID(5), .log(text: "", next: 0))),
        Sample(
            "answer: a log of two lines",
            .answer(RequestID(6), .log(text: "加载中…\nready\n", next: .max))),
        Sample(
            "answer: a document", .answer(RequestID(7), .document("{\"wall_ms\":1795547128120}"))),
    ]

    static let time = WallTime(millisecondsSinceEpoch: 1_795_547_128_120)
}
