// Samples of what logs say is wrong.

import Base
import Consensus
import Diagnosis
import WireProtocol

extension Sample {
    private static let shard = ShardID(
        group: GroupName("prefill-0"), generation: Generation(3), rank: NodeRank(1))

    static let sightings: [Sample] = [
        Sample(
            "sightings of a node whose shards are well",
            .sightings(NodeSightings(node: NodeID("n"), shards: []))),
        Sample(
            "sightings of a node that tells which commands it reads",
            .sightings(NodeSightings(node: NodeID("n"), shards: [], understands: 21))),
        Sample(
            "sightings",
            .sightings(
                NodeSightings(
                    node: NodeID("node-2"),
                    shards: [
                        ShardSightings(shard: shard, sightings: []),
                        ShardSightings(
                            shard: shard,
                            sightings: [
                                Sighting(
                                    kind: "EI0015", line: "Failed to connect agent[17,18,]",
                                    time: TimeSpan(
                                        earliest: 1_795_547_128_119_000,
                                        latest: 1_795_547_128_119_999), worldRank: 0, die: 0,
                                    accused: Accused(worldRanks: [17, 18], nodeRank: 1, die: 1)),
                                Sighting(
                                    kind: "heartbeat-lost", line: "显存不足",
                                    time: TimeSpan(earliest: .min, latest: .max),
                                    accused: Accused(
                                        worldRanks: [], nodeRank: nil, address: "10.0.0.1", die: 3)
                                ),
                                Sighting(
                                    kind: "of-tomorrow", line: "",
                                    time: TimeSpan(earliest: 0, latest: 0), worldRank: .max,
                                    die: .max),
                            ]),
                    ]))),
    ]
}

extension Sample {
    private static func told(_ document: String, at time: Int64) -> Sample {
        Sample(
            "inventory \(document.isEmpty ? "without a word" : "of a node")",
            .inventory(
                ToldInventory(
                    node: NodeID("node-1"), time: WallTime(millisecondsSinceEpoch: time),
                    document: document)))
    }

    static let inventory: [Sample] = [
        told(#"{"hostname":"节点-1","dies":[]}"#, at: 1_795_547_128_120), told("", at: .min),
        Sample(
            "request for what a node told the leader",
            .request(RequestID(7), .inventory(NodeID("node-3")))),
        Sample("request to confirm what is agreed", .request(RequestID(8), .confirm)),
        Sample("answer: confirmed", .answer(RequestID(8), .confirmed(LogIndex(4711)))),
    ]
}
