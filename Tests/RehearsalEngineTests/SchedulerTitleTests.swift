// The titles of the stand-ins for schedulers.

import Base
import Testing

@testable import RehearsalEngine

@Suite struct SchedulerTitleTests {
    private static let nodes = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]

    @Test func `pipeline stages are spread over the nodes`() throws {
        let titles = try (0..<2).map { rank in
            try EngineArguments(
                parsing: Published.prefill(
                    Self.nodes, rank: rank, bootstrap: 8998, store: "x"
                ).argv
            ).schedulerTitles
        }
        #expect(titles.map(\.count) == [16, 16])
        #expect(titles[0][0] == "sglang::scheduler_PP0_TP0_EP0")
        #expect(titles[0][15] == "sglang::scheduler_PP3_TP3_EP3")
        #expect(titles[1][0] == "sglang::scheduler_PP4_TP0_EP0")
        #expect(Set(titles.joined()).count == 32)
    }

    @Test func `tensor ranks of one stage are spread over the nodes, with their DP rank`() throws {
        let last = try EngineArguments(
            parsing: Published.decode(Self.nodes, rank: 3, store: "x").argv
        ).schedulerTitles
        #expect(last.count == 16)
        #expect(last.first?.contains("_TP48_") == true && last.last?.contains("_TP63_") == true)
        #expect(last.allSatisfy { $0.hasPrefix("sglang::scheduler_DP") })
    }
}
