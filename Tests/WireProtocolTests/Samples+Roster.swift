// Samples of who the nodes are: told, ordered, agreed on, and in a snapshot.

import Base
import ClusterState
import WireProtocol

extension Sample {
    private static let first = ConfiguredNode(node: NodeID("node-1"), address: "10.0.0.1")
    private static let second = ConfiguredNode(
        node: NodeID("节点-2"), address: "fd00::2", superPod: "super-pod-1")

    static let roster: [Sample] = [
        Sample(
            "roster that is not agreed on",
            .roster(RosterNews(serial: 0, nodes: [], fences: []))),
        Sample(
            "roster of two nodes",
            .roster(RosterNews(serial: largest, nodes: [first, second], fences: []))),
        Sample(
            "roster for a node that was removed",
            .roster(
                RosterNews(
                    serial: 3, nodes: [first],
                    fences: [
                        .init(group: GroupName("prefill-0"), generation: Generation(largest)),
                        .init(group: GroupName("decode-0"), generation: .none),
                    ]))),
        Sample("request to add a node", .request(RequestID(1), .members(.add(second)))),
        Sample(
            "request to remove a node",
            .request(RequestID(1), .members(.remove(first.node, isForced: false)))),
        Sample(
            "request to remove a node by force",
            .request(RequestID(largest), .members(.remove(first.node, isForced: true)))),
        Sample(
            "request to promote a node", .request(RequestID(1), .members(.promote(first.node)))),
        Sample("request to demote a node", .request(RequestID(1), .members(.demote(first.node)))),
        Sample("request to lead", .request(RequestID(1), .members(.lead(first.node)))),
        Sample("answer: unsafe", .answer(RequestID(2), .refused(.unsafe, "votes are missing"))),
        Sample("enrol two nodes", .enrol([first, second])),
        Sample("enrol nobody", .enrol([])),
        Sample("admit a node", .admit(second)),
        Sample("dismiss a node", .dismiss(first.node)),
        Sample("let a node vote", .seat(first.node, mayVote: true)),
        Sample("let a node learn only", .seat(first.node, mayVote: false)),
        Sample("recover alone", .recoverAlone(first)),
        Sample("state with a roster", withRoster),
    ]

    private static let withRoster: ReplicatedState = {
        let kinds: [LedgerEvent.Kind] = [.added, .removed, .promoted, .demoted, .recovered]
        return ReplicatedState(
            deployment: nil, deploymentSerial: 0, isWanted: true, plan: nil, epoch: .none,
            groups: [],
            ledger: kinds.enumerated().map { index, kind in
                LedgerEvent(
                    sequence: UInt64(index + 1), time: time, kind: kind, node: first.node,
                    group: nil, generation: nil, text: "the operator")
            }, nextSequence: 6, electedTerm: 1, present: [first.node],
            rollout: Rollout(isAtOnce: true),
            roster: Roster(
                serial: 7, entries: [.init(first), .init(second, mayVote: false)],
                departures: [
                    .init(
                        ConfiguredNode(node: NodeID("node-3"), address: "10.0.0.3"), serial: 6)
                ]))
    }()
}
