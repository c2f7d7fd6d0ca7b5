// When a drain is told to be over, and as what.

import Base
import Testing

@testable import AgentCLI

@Suite struct DrainWatchTests {
    private func status(
        agent: String = "alive", cordon: String? = nil, holder: String, state: String = "ready",
        serving: Bool = true
    ) -> JSONValue {
        [
            "serving": .bool(serving), "router": .null,
            "members": [
                ["node": "n1", "state": .string(agent), "cordon": JSONValue(cordon)]
            ],
            "groups": [
                [
                    "name": "decode-0", "state": .string(state), "generation": 1, "why": "",
                    "ranks": [["node": .string(holder)]],
                ]
            ],
        ]
    }

    private func outcome(_ now: JSONValue, isForced: Bool = false) -> DrainWatch.Outcome {
        DrainWatch(node: "n1", isForced: isForced, before: status(holder: "n1")).look(at: now)
            .outcome
    }

    @Test func `it is done when the node is empty and users are served again`() {
        #expect(outcome(status(cordon: "draining", holder: "n2")) == .underway)
        #expect(outcome(status(cordon: "drained", holder: "n2", state: "loading")) == .underway)
        let unserved = status(cordon: "drained", holder: "n2", serving: false)
        #expect(outcome(unserved) == .underway)
        #expect(outcome(unserved, isForced: true) == .done)
        #expect(outcome(status(cordon: "drained", holder: "n2")) == .done)
    }

    @Test func `of a node whose agent is gone nobody says that it is empty`() {
        let dead = status(agent: "dead", cordon: "draining", holder: "n2")
        #expect(outcome(dead) == .unknown)
        let held = status(agent: "dead", cordon: "draining", holder: "n1")
        #expect(outcome(held) == .underway)
    }

    @Test func `it has failed where the node was opened or the group was given up`() {
        #expect(outcome(status(holder: "n2")) == .failed)
        #expect(outcome(status(cordon: "drained", holder: "n2", state: "failed")) == .failed)
    }
}
