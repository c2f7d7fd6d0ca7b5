// Samples of membership and consensus.

import Ascend
import Base
import Consensus
import Membership
import WireProtocol

extension Sample {
    /// The samples of a file of Protocols/vectors/wire.
    static let files: [(name: String, samples: [Sample])] = [
        ("swim", swim), ("raft", raft), ("report", report + notes), ("view", view),
        ("request", request),
        ("answer", answer), ("command", command), ("state", state), ("sightings", sightings),
        ("inventory", inventory), ("roster", roster),
    ]

    static let all = files.flatMap(\.samples)

    /// The largest counter that is read.
    static let largest = UInt64(Int64.max)

    // MARK: - Membership

    private static let node1 = NodeID("node-1")
    private static let node2 = NodeID("node-2")

    private static func update(_ state: MemberState, _ incarnation: UInt64) -> MemberUpdate {
        MemberUpdate(
            node: node2, state: state, incarnation: Incarnation(incarnation), source: node1)
    }

    static let swim: [Sample] = [
        Sample("ping without gossip", .swim(SwimMessage(.ping(ProbeSequence(0))))),
        Sample(
            "ping with every member state",
            .swim(
                SwimMessage(
                    .ping(ProbeSequence(24)),
                    updates: [
                        update(.alive, 0), update(.suspect, 1_795_547_128_120),
                        update(.dead, 256), update(.left, largest),
                    ]))),
        Sample("ping of the largest sequence", .swim(SwimMessage(.ping(ProbeSequence(largest))))),
        Sample(
            "ping request",
            .swim(SwimMessage(.pingRequest(ProbeSequence(7), target: NodeID("节点-3"))))),
        Sample(
            "acknowledge",
            .swim(
                SwimMessage(
                    .acknowledge(ProbeSequence(65_536), subject: node2),
                    updates: [update(.alive, 1)]))),
        Sample(
            "acknowledge with a clock",
            .swim(
                SwimMessage(
                    .acknowledge(ProbeSequence(7), subject: node1),
                    clock: WallTime(millisecondsSinceEpoch: 1_795_547_128_120)))),
        Sample(
            "acknowledge with a clock before its time",
            .swim(
                SwimMessage(
                    .acknowledge(ProbeSequence(8), subject: node1),
                    clock: WallTime(millisecondsSinceEpoch: .min)))),
        Sample(
            "negative acknowledge",
            .swim(SwimMessage(.negativeAcknowledge(ProbeSequence(4_294_967_296))))),
        Sample("push-pull", .swim(SwimMessage(.pushPull, updates: [update(.alive, 3)]))),
        Sample("pull reply", .swim(SwimMessage(.pullReply, updates: [update(.dead, 4)]))),
        Sample("gossip", .swim(SwimMessage(.gossip, updates: [update(.suspect, 5)]))),
        Sample(
            "gossip of members that say something of themselves",
            .swim(SwimMessage(.gossip, updates: [described(digest), described(unknownDigest)]))),
    ]

    private static func described(_ digest: InventoryDigest) -> MemberUpdate {
        MemberUpdate(
            node: node2, state: .alive, incarnation: Incarnation(6), source: node2,
            metadata: digest.metadata)
    }

    static let digest = InventoryDigest(
        superPodID: 0, serverIndex: 47, dieCount: 16, unhealthyDies: [DieID(5)],
        heldDies: (0..<64).map { DieID($0) }, software: "0123456789abcdef",
        kernel: "fedcba9876543210", weights: "0011223344556677", environment: "8899aabbccddeeff")

    /// Of a node that could find out nothing.
    static let unknownDigest = InventoryDigest(
        superPodID: nil, serverIndex: nil, dieCount: nil, unhealthyDies: [], heldDies: [],
        software: "0123456789abcdef", kernel: "fedcba9876543210", weights: "0011223344556677",
        environment: "8899aabbccddeeff")

    // MARK: - Consensus

    private static func raft(_ name: String, term: UInt64, _ kind: RaftMessage.Kind) -> Sample {
        Sample(name, .raft(RaftMessage(term: Term(term), kind)))
    }

    private static let entries = [
        LogEntry(index: LogIndex(41), term: Term(7), payload: .leadership),
        LogEntry(index: LogIndex(42), term: Term(7), payload: .command(command[0].bytes)),
    ]

    static let raft: [Sample] =
        [
            raft(
                "pre-vote request", term: 8,
                .preVoteRequest(lastIndex: LogIndex(42), lastTerm: Term(7))),
            raft("pre-vote granted", term: 8, .preVoteReply(granted: true)),
            raft("pre-vote refused", term: 7, .preVoteReply(granted: false)),
            raft("vote request", term: 0, .voteRequest(lastIndex: .zero, lastTerm: .zero)),
            raft("vote granted", term: largest, .voteReply(granted: true)),
            raft(
                "heartbeat", term: 7,
                .append(
                    previousIndex: LogIndex(42), previousTerm: Term(7), entries: [],
                    commit: LogIndex(42))),
            raft(
                "append of a leadership and a command", term: 7,
                .append(
                    previousIndex: LogIndex(40), previousTerm: Term(6), entries: entries,
                    commit: LogIndex(40))),
            raft("append accepted", term: 7, .appendReply(accepted: true, matched: LogIndex(42))),
            raft(
                "append refused", term: 7,
                .appendReply(accepted: false, matched: LogIndex(largest))),
            raft(
                "snapshot", term: 7,
                .installSnapshot(
                    Snapshot(index: LogIndex(500), term: Term(6), state: state[0].bytes))),
            raft("snapshot reply", term: 7, .snapshotReply(matched: LogIndex(500))),
        ] + laterRaft + disksRaft

    private static let participants = Participants(
        voters: [node1, node2], learners: [NodeID("节点-3")])

    /// What came with disks that are told apart.
    private static let disksRaft: [Sample] = [
        Sample(
            "vote granted on a disk",
            .raft(
                RaftMessage(
                    term: Term(8), .voteReply(granted: true),
                    stamp: DiskStamp(disk: DiskID(.max), life: 0)))),
        Sample(
            "append accepted on a disk",
            .raft(
                RaftMessage(
                    term: Term(8), .appendReply(accepted: true, matched: LogIndex(42)),
                    stamp: DiskStamp(disk: DiskID(1), life: .max)))),
        raft(
            "append of the disks of voters, and of none", term: 8,
            .append(
                previousIndex: LogIndex(42), previousTerm: Term(7),
                entries: [[node1: DiskID(.max), node2: DiskID(0)], [:]].enumerated()
                    .compactMap { offset, disks in
                        Participants(voters: [node1, node2], disks: disks).map {
                            LogEntry(
                                index: LogIndex(UInt64(43 + offset)), term: Term(8),
                                payload: .participants($0))
                        }
                    }, commit: LogIndex(42))),
    ]

    /// What came with changes of the participants, transfers, reads and long snapshots.
    private static let laterRaft: [Sample] = [
        raft(
            "vote request of a successor", term: 8,
            .voteRequest(lastIndex: LogIndex(42), lastTerm: Term(7), isTransfer: true)),
        raft(
            "heartbeat of a round of reads", term: 7,
            .append(
                previousIndex: LogIndex(42), previousTerm: Term(7), entries: [],
                commit: LogIndex(42), round: ReadRound(1))),
        raft(
            "append of participants", term: 7,
            .append(
                previousIndex: LogIndex(42), previousTerm: Term(7),
                entries: [(participants, 43), (Participants(voters: [node1]), 44)].compactMap {
                    participants, index in
                    participants.map {
                        LogEntry(
                            index: LogIndex(index), term: Term(7), payload: .participants($0))
                    }
                }, commit: LogIndex(42))),
        raft(
            "append accepted in a round of reads", term: 7,
            .appendReply(accepted: true, matched: LogIndex(42), round: ReadRound(largest))),
        raft(
            "snapshot with participants", term: 7,
            .installSnapshot(
                Snapshot(
                    index: LogIndex(500), term: Term(6), state: state[0].bytes,
                    participants: participants))),
        raft("campaign now", term: 7, .timeoutNow),
        raft(
            "piece of a snapshot", term: 7,
            .snapshotPiece(
                SnapshotPiece(
                    index: LogIndex(500), term: Term(6), participants: participants,
                    stateByteCount: 3_000_000, offset: 1_048_576, bytes: [0xCA, 0xFE]))),
        raft(
            "piece of a snapshot without participants", term: 7,
            .snapshotPiece(
                SnapshotPiece(
                    index: LogIndex(500), term: Term(6), participants: nil,
                    stateByteCount: 2, offset: 0, bytes: [0, 1]))),
        raft(
            "piece reply", term: 7,
            .snapshotPieceReply(index: LogIndex(500), receivedByteCount: 1_048_578)),
    ]
}
