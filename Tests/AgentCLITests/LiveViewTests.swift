// What is drawn over itself, and events in columns.

import Base
import Testing

@testable import AgentCLI

@Suite struct LiveViewTests {
    @Test func `a drawing covers the one before and nothing above it`() {
        let (console, printed) = testConsole(colour: true)
        let view = LiveView(console) { 24 }
        console.out("a step")
        view.draw("one\ntwo\n")
        #expect(printed.out == "a step\n\u{1B}[J\u{1B}[?7lone\ntwo\n\u{1B}[?7h")
        printed.out = ""
        view.draw("three\n")
        #expect(printed.out == "\u{1B}[2F\u{1B}[J\u{1B}[?7lthree\n\u{1B}[?7h")
    }

    @Test func `what is too high is cut, since nobody can draw over what has scrolled away`() {
        let (console, printed) = testConsole(colour: true)
        let view = LiveView(console) { 4 }
        view.draw("1\n2\n3\n4\n5\n")
        #expect(printed.out.contains("1\n2\n  … 3 more lines: a higher terminal shows them\n"))
        #expect(!printed.out.contains("4"))
    }

    @Test func `a pipe gets the texts one after the other`() {
        let (console, printed) = testConsole()
        let view = LiveView(console)
        view.draw("one\n")
        view.draw("two\n")
        #expect(printed.out == "one\ntwo\n")
    }
}

@Suite struct EventViewTests {
    private func event(_ kind: String, _ group: String?, _ node: String?, _ text: String)
        -> JSONValue
    {
        [
            "sequence": 1, "time": "2026-11-24T19:05:28.120Z", "kind": .string(kind),
            "node": JSONValue(node), "group": JSONValue(group),
            "generation": group == nil ? .null : 3, "text": .string(text),
        ]
    }

    @Test func `events stand in columns, and a log's last words below`() {
        let view = EventView()
        let long = String(repeating: "x", count: 300)
        let lines = [
            event("deployed", nil, nil, "deployment a"),
            event("ended", "prefill-0", "node-2", "rank 1 ended; its log ends: one | \(long)"),
            event("settled", "prefill-0", nil, "prefill-0 serves"),
        ]
        .flatMap { view.text(of: $0).split(separator: "\n").map(String.init) }
        #expect(
            lines == [
                "2026-11-24T19:05:28.120Z  deployed                 deployment a",
                "2026-11-24T19:05:28.120Z  ended      prefill-0.g3 node-2  rank 1 ended",
                "      | one", "      | " + String(repeating: "x", count: 159) + "…",
                "2026-11-24T19:05:28.120Z  settled    prefill-0.g3         prefill-0 serves",
            ])
    }
}
