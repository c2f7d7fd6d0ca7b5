// Text of logs and foreign processes in our views: it stays on its line, does nothing to the terminal, and is
// not cut where it becomes interesting.

import Base
import Node
import Testing

@testable import AgentCLI

@Suite struct ForeignTextTests {
    private let hostile = "one\ntwo\u{1B}[2Jthree\u{9B}31m"
    private let tamed = "one two\u{FFFD}[2Jthree\u{FFFD}31m"

    @Test func `a cell and a note stay on their line and say nothing to the terminal`() {
        var table = Table("A", "B")
        table.add(Table.Cell(hostile), "x")
        table.addNote(hostile)
        #expect(
            Array(table.lines(colour: false).dropFirst()) == ["  \(tamed)  x", "    \(tamed)"])
    }

    @Test func `a status with a hostile log has as many lines as one without`() {
        var status = StatusSamples.backoff
        let plain = StatusView(status: status.json, now: StatusSamples.now, colour: false).text
        status.groups[0].why = hostile
        status.reasons = [hostile]
        status.notes = [hostile]
        let text = StatusView(status: status.json, now: StatusSamples.now, colour: false).text
        #expect(!text.contains("\u{1B}") && !text.contains("\u{9B}"))
        // The notes and the empty line and title above them.
        #expect(
            text.split(separator: "\n", omittingEmptySubsequences: false).count
                == plain.split(separator: "\n", omittingEmptySubsequences: false).count + 3)
        #expect(text.contains("ready     no (\(tamed))"))
    }

    @Test func `events, reasons of why and findings of the doctor are tamed as well`() {
        let event: JSONValue = ["time": "t", "kind": "ended", "text": .string(hostile)]
        #expect(EventView().text(of: event).hasSuffix(tamed))
        let why: JSONValue = ["group": "a", "state": "failed", "why": .string(hostile)]
        #expect(
            WhyView(answer: why, now: StatusSamples.now, colour: false).text.contains(
                ": \(tamed)\n"))
        let diagnosis: JSONValue = [
            "findings": [["check": 1, "severity": "error", "evidence": .string(hostile)]]
        ]
        #expect(DoctorView(diagnosis: diagnosis, colour: false).text.contains(tamed))
    }

    @Test func `why shows the lines of the other ranks to their end`() throws {
        var failure = try #require(StatusSamples.backoff.json["groups"]?[0]?["last_failure"])
        let line = String(repeating: "x", count: 200) + " the reason"
        let echo: JSONValue = [
            "rank": 0, "node": "node-1", "title": "t", "role": "consequence", "after_ms": 1,
            "line": .string(line),
        ]
        failure = ["diagnosis": ["others": [echo]], "why": "w", "generation": 3]
        let answer: JSONValue = ["group": "a", "state": "failed", "last_failure": failure]
        let text = WhyView(answer: answer, now: StatusSamples.now, colour: false).text
        #expect(text.contains("    | \(line)\n"))
    }

    @Test func `why tells what ranks say of themselves before what is past`() {
        let answer: JSONValue = [
            "group": "a", "state": "ready", "generation": 2,
            "ranks": [["rank": 1, "node": "node-2", "state": "ready", "why": .string(hostile)]],
        ]
        let text = WhyView(answer: answer, now: StatusSamples.now, colour: false).text
        #expect(
            text.hasPrefix(
                "a is ready (generation 2)\nRank 1 on node-2 is ready: \(tamed)\n\nNo gen"),
            "\(text)")
    }

    @Test func `a plan that is not there has no table and no epoch`() {
        let plan: JSONValue = [
            "epoch": 0, "profile": .null, "groups": [], "spares": [],
            "explanation": ["nobody leads"],
        ]
        #expect(PlanView(plan: plan, colour: false).text == "no plan yet\nnobody leads\n")
    }

    @Test func `what does not serve shows no address`() {
        var status = StatusSamples.stopped
        status.groups[0].state = "starting"
        status.router?.state = "stopped"
        let text = StatusView(status: status.json, now: StatusSamples.now, colour: false).text
        #expect(!text.contains("http://"))
        #expect(text.contains("stopped by the operator"))
    }
}
