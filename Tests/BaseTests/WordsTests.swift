// The names of things as they stand in files, URLs and logs.

import Base
import Testing

@Suite struct WordsTests {
    @Test(arguments: [
        (Endpoint(host: "10.0.0.1", port: 5000), "10.0.0.1:5000"),
        (Endpoint(host: "fd00::1", port: 65535), "[fd00::1]:65535"),
    ])
    func `an endpoint reads as in a URL`(endpoint: Endpoint, text: String) {
        #expect(endpoint.description == text)
    }

    @Test func `a shard's name tells group, generation and rank`() {
        let shard = ShardID(
            group: GroupName("prefill-0"), generation: Generation(3), rank: NodeRank(1))
        #expect(shard.description == "prefill-0.g3.r1")
    }

    @Test func `shards sort by group, then generation, then rank, as numbers`() {
        let shards = [("a", 2, 0), ("a", 10, 0), ("a", 10, 2), ("a", 10, 10), ("b", 1, 0)].map {
            ShardID(
                group: GroupName($0.0), generation: Generation($0.1), rank: NodeRank($0.2))
        }
        #expect(shards.reversed().sorted() == shards)
    }

    @Test func `epochs and generations count from none`() {
        #expect(Epoch.none.next == Epoch(1))
        #expect(Generation.none.next.next > Generation(1))
    }
}
