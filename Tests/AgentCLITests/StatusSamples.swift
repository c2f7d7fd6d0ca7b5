// Moments of a cluster, as the real status type tells them.

import Ascend
import Base
import ClusterState
import Diagnosis
import Doctor
import Node
import Supervision

/// A cluster of two prefill nodes and two decode nodes.
enum StatusSamples {
    /// 2026-11-24T19:05:00Z.
    static let start = WallTime(millisecondsSinceEpoch: 1_795_547_100_000)
    /// Ninety seconds later.
    static let now = WallTime(millisecondsSinceEpoch: 1_795_547_190_000)

    static let all: [(name: String, status: ClusterStatus)] = [
        ("ready", ready), ("backoff", backoff), ("no-quorum", noQuorum), ("unplanned", unplanned),
        ("recovered", recovered), ("stopped", stopped), ("gated", gated), ("unwatched", unwatched),
    ]

    private static let serves = ClusterStatus.Standing(serving: true, ageSeconds: 0.2)
    private static let down = ClusterStatus.Standing(serving: false, ageSeconds: 0.2)
    private static let unknown = ClusterStatus.Standing(ageSeconds: 42.25, isStale: true)

    static let ready: ClusterStatus = {
        var status = idle
        status.serving = true
        for index in status.groups.indices { status.groups[index].standing = serves }
        status.router?.standing = serves
        return status
    }()

    private static let idle = ClusterStatus(
        node: "node-2", cluster: "glm", version: "0.1.0", term: 3, leader: "node-1",
        quorum: .init(have: 4, need: 3, voters: 4, ok: true), ageSeconds: 0.2, epoch: 1,
        profile: "glm-5.1-w4a8-1p1d-32p-in64k-out1k-20ms", wanted: "running",
        members: members(["alive", "alive", "alive", "alive"]),
        groups: [prefill(state: "ready"), decode],
        router: router(state: "ready"), ready: true, reasons: [])

    static let backoff: ClusterStatus = {
        var status = ready
        var group = prefill(state: "backoff")
        group.generation = 3
        group.restarts = 2
        group.why = "failure 2 of 5 after: rank 1 on node-2 ended: exit code 1"
        group.standing = down
        group.standing.nextLaunch = WallTime(millisecondsSinceEpoch: 1_795_547_197_000)
        group.lastFailure = failure
        group.ranks[0].state = "stopped"
        group.ranks[0].pid = nil
        group.ranks[1].state = "exited"
        group.ranks[1].pid = nil
        group.ranks[1].restarts = 2
        group.ranks[1].why = "exit code 1"
        group.lastFailure?.diagnosis = FailureDiagnosis(
            kind: "npu-memory", rank: NodeRank(1), node: NodeID("node-2"), worldRank: 19, die: 3,
            line: "RuntimeError: NPU out of memory",
            time: TimeSpan(earliest: 1_795_547_128_119_000, latest: 1_795_547_128_119_999),
            accuser: nil, rivals: [],
            echoes: [
                .init(
                    rank: .master, node: NodeID("node-1"), kind: "peer-closed",
                    line: "Connection closed by peer", milliseconds: 250)
            ])
        status.groups[0] = group
        status.ready = false
        status.reasons = [
            "prefill-0 is down until its next launch: rank 1 on node-2 ended: exit code 1"
        ]
        status.serving = false
        return status
    }()

    /// The launch gate has found something on one node.
    static let gated: ClusterStatus = {
        var status = ready
        var group = prefill(state: "waiting")
        group.why =
            "for node-2: dies 4-5 held by process 4711 (python3), and 1 more (check 1; "
            + "`glm-agent doctor` tells what to do)"
        group.gate = [
            GateFinding(
                .blocks, .holders, node: NodeID("node-2"), dies: [DieID(4), DieID(5)],
                evidence: "held by process 4711 (python3)",
                remedy: "find out what it is (ps -fp 4711), and end it if it is a leftover"),
            GateFinding(
                .blocks, .versions, node: NodeID("node-2"),
                evidence: "CANN: 9.0.0, while most have 8.5.1",
                remedy: "install the version of the others"),
            GateFinding(
                .accepted, .dies, node: NodeID("node-1"), dies: [DieID(7)],
                evidence: "health is Alarm", remedy: "look the codes up"),
        ]
        for index in group.ranks.indices {
            group.ranks[index].state = "absent"
            group.ranks[index].pid = nil
        }
        status.groups[0] = group
        status.ready = false
        status.groups[0].standing = down
        status.serving = false
        status.reasons = ["prefill-0 is waiting: \(group.why); no prefill group serves"]
        status.notes = ["accepted by launch_gate: die 7 health is Alarm (node-1)"]
        return status
    }()

    /// All serves again, and still it is told what had happened.
    static let recovered: ClusterStatus = {
        var status = ready
        status.groups[0].generation = 4
        status.groups[0].restarts = 1
        status.groups[0].lastFailure = failure
        status.notes = ["node-1 has another deployment in its file than is agreed (of-old)"]
        status.router?.lastFailure = .init(
            generation: 1, time: start, kind: "nodeLost",
            why: "node-1, which held rank 0, is gone", node: "node-1", rank: 0, logTail: [])
        return status
    }()

    /// An agent is away, and its engine serves on; another group was restarted for its store's sake.
    static let unwatched: ClusterStatus = {
        var status = ready
        status.groups[0].state = "degraded"
        status.groups[0].why = "the agent of node-2 is out of reach; the engine answers"
        status.groups[0].ranks[1].state = "absent"
        status.groups[0].ranks[1].pid = nil
        status.groups[0].ranks[1].since = nil
        status.groups[0].ranks[1].why = "the agent of node-2 is out of reach"
        let record = RestartRecord(
            group: GroupName("decode-0"), ended: Generation(1), launched: Generation(2),
            epoch: Epoch(1), kind: .dependency,
            why: "shares the transfer store of prefill-0, whose generation 1 ended: exit code 1",
            node: nil, rank: nil, isOrdered: false, leader: NodeID("node-1"), failedAt: nil,
            detectedAt: start)
        status.groups[1].generation = 2
        status.groups[1].restarts = 1
        status.groups[1].restartCost = ClusterStatus.RestartCost(
            tally: RepairTally(group: record.group), last: record)
        status.ready = false
        status.reasons = ["prefill-0 serves, but is degraded: \(status.groups[0].why)"]
        return status
    }()

    static let stopped: ClusterStatus = {
        var status = ready
        status.groups[1].state = "stopped"
        for rank in status.groups[1].ranks.indices {
            status.groups[1].ranks[rank].state = "absent"
            status.groups[1].ranks[rank].pid = nil
            status.groups[1].ranks[rank].since = nil
        }
        status.ready = false
        status.groups[1].standing = down
        status.serving = false
        status.reasons = ["decode-0 is stopped by the operator; no decode group serves"]
        return status
    }()

    private static let failure = ClusterStatus.Failure(
        generation: 3, time: start, kind: "failure",
        why: "rank 1 on node-2 ended: exit code 1", node: "node-2", rank: 1,
        logTail: ["loading", "RuntimeError: out of memory"])

    static let noQuorum: ClusterStatus = {
        var status = ready
        status.leader = nil
        status.quorum = .init(
            have: 1, need: 3, voters: 4, missing: ["node-1", "node-3", "node-4"], ok: false)
        status.ageSeconds = 42.25
        status.members = members(["dead", "alive", "dead", "suspect"])
        status.ready = false
        status.reasons = ["no quorum: 1 of 4 voters here, 3 needed; what runs is left running"]
        status.serving = nil
        for index in status.groups.indices {
            status.groups[index].standing = unknown
            status.groups[index].why = "it answered 42 s ago, nobody asks now"
        }
        status.router?.standing = unknown
        return status
    }()

    static let unplanned = ClusterStatus(
        node: "node-1", cluster: "glm", version: "0.1.0", term: 0, leader: nil,
        quorum: .init(have: 1, need: 3, voters: 4, ok: false), ageSeconds: nil, epoch: 0,
        profile: nil,
        wanted: "running", members: members(["alive", "dead", "dead", "dead"]), groups: [],
        router: nil, ready: false, reasons: ["no leader is elected yet"])

    private static func members(_ states: [String]) -> [ClusterStatus.Member] {
        states.enumerated().map { index, state in
            .init(
                node: "node-\(index + 1)", address: "10.0.0.\(index + 1)", state: state,
                since: start, inventory: inventories[index])
        }
    }

    /// A healthy node, one with an ill die and held ones, one without npu-smi, one that has not told yet.
    private static let inventories: [InventoryDigest?] = [
        inventory(pod: 0, server: 3, dies: 16),
        inventory(
            pod: 0, server: 4, dies: 16, unhealthy: [DieID(5)],
            held: (0..<16).map { DieID($0) }),
        inventory(pod: nil, server: nil, dies: nil), nil,
    ]

    private static func inventory(
        pod: Int?, server: Int?, dies: Int?, unhealthy: [DieID] = [], held: [DieID] = []
    ) -> InventoryDigest {
        InventoryDigest(
            superPodID: pod, serverIndex: server, dieCount: dies, unhealthyDies: unhealthy,
            heldDies: held, software: "0123456789abcdef", kernel: "fedcba9876543210",
            weights: "0011223344556677", environment: "8899aabbccddeeff")
    }

    private static func prefill(state: String) -> ClusterStatus.Group {
        .init(
            name: "prefill-0", role: "prefill", generation: 1, state: state, why: "",
            master: "node-1", url: "http://10.0.0.1:8000", bootstrapPort: 8998, restarts: 0,
            lastFailure: nil, ranks: ranks(from: 1))
    }

    private static let decode = ClusterStatus.Group(
        name: "decode-0", role: "decode", generation: 1, state: "ready", why: "",
        master: "node-3", url: "http://10.0.0.3:8001", bootstrapPort: nil, restarts: 0,
        lastFailure: nil, ranks: ranks(from: 3))

    private static func ranks(from first: Int) -> [ClusterStatus.Rank] {
        (0...1).map { rank in
            .init(
                rank: rank, node: "node-\(first + rank)", state: "ready",
                pid: Int32(4000 + first + rank), restarts: 0, since: start, why: "")
        }
    }

    private static func router(state: String) -> ClusterStatus.Router {
        .init(
            node: "node-1", url: "http://10.0.0.1:6688", state: state, generation: 1, pid: 4100,
            restarts: 0, since: start, why: "", lastFailure: nil)
    }
}
