// The table of waits in Protocols/supervision.md says what the code does.

import Base
import EventLoop
import Planning
import Testing

@testable import Node
@testable import Supervision

@Suite struct WaitsTableTests {
    private struct Row {
        let name: String
        let length: String
        let settings: [String]
    }

    private static let root =
        "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")

    private static func text(of file: String) throws -> String {
        let opened = try OpenFile("\(root)/\(file)", .read)
        return String(
            decoding: try opened.read(at: 0, count: try opened.length()), as: UTF8.self)
    }

    private static func rows() throws -> [Row] {
        let lines = try text(of: "Protocols/supervision.md").split(
            separator: "\n", omittingEmptySubsequences: false)
        let table = lines.drop { $0 != "## What is waited for" }.drop { !$0.hasPrefix("|") }
            .prefix { $0.hasPrefix("|") }.dropFirst(2)
        return table.map { line in
            let cells = line.split(separator: "|", omittingEmptySubsequences: false)
                .map { String($0).trimmed }
            let settings = cells[3].split(separator: "`").map(String.init)
            return Row(
                name: cells[1], length: cells[2],
                settings: settings.filter { $0.contains("_") })
        }
    }

    private static let lengths: [String: Duration] = {
        let policy = SupervisionPolicy()
        let waits = WaitLengths()
        return [
            "an answer to a probe": policy.probeLimit,
            "the next readiness probe": policy.readinessInterval,
            "the next liveness probe": policy.livenessInterval,
            "an engine that does not answer": policy.unresponsiveAfter,
            "a load": policy.loadLimit,
            "a load that stands still": policy.loadStall,
            "the word that a load stands still": policy.loadStall / 2,
            "an absent node of a generation that has served": policy.stableView,
            "an absent node of a load, its host silent": policy.unresponsiveAfter,
            "an absent node of a load, its host answering": policy.loadLimit,
            "the word of a host that its agent is gone": RankView.hostWord,
            "a question of the leader to rank 0": policy.probeLimit * 2,
            "an absence that may be blamed for a fall":
                policy.unresponsiveAfter + policy.probeLimit,
            "other exits, after the first": policy.collectWindow,
            "SIGKILL after SIGTERM": policy.stopGrace,
            "the other ranks, until rank 0 has ended": policy.stopGrace + NodeMachine.newsTime,
            "the launch after a first failure": policy.backoff.initial,
            "the launch after many failures": policy.backoff.limit,
            "failures to be forgiven": policy.settleAfter,
            "what the launch gate has found, to be looked at again": waits.gateInterval,
            "an examination that found nothing, until it counts no more": waits.gateAge,
            "a launch that is delayed, before its nodes are examined": policy.gateLead,
            "an operator to be called for what the launch gate has found": policy.obstacleLimit,
            "a node on which something is in the way, before another takes its rank":
                policy.unresponsiveAfter,
            "the same, remembered though nobody examines it": NodeMachine.illnessMemory,
            "the report of a node that membership has alive":
                waits.report * NodeMachine.missedReports,
            "a leader that has handed over for such a node, before it does so again":
                NodeMachine.handoverInterval,
            "taken ports to be looked at again": policy.portRetry,
            "nodes, before the first plan": waits.planGrace,
            "the first report of a node that held no rank": waits.planGrace,
            "more words of logs, before a verdict is amended": Amendment.delay,
            "the next report of a node, and the next view of the leader": waits.report,
            "an order of an operator": waits.request,
            "the examination of a node": waits.examination,
            "the preflight of a node": waits.examination * 3,
            "the list of the router's workers to be looked at again": RouterMachine.interval,
            "an added worker to be in the router's list": RouterMachine.additionLimit,
            "a removal that the router has not carried out, to be ordered again":
                RouterMachine.soon,
            "schedulers that were not seen, to be told while their group serves":
                NodeMachine.watchDelay,
        ]
    }()

    /// The constants of a node's configuration as it comes.
    private struct WaitLengths {
        let gateInterval: Duration
        let gateAge: Duration
        let planGrace: Duration
        let report: Duration
        let request: Duration
        let examination: Duration

        init() {
            let node = NodeConfiguration(
                cluster: "", version: "", local: NodeID("a"), interface: "", nodes: [],
                deployment: Deployment(
                    profileName: "", profileYAML: "", modelPath: "", engine: .rehearsal))
            gateInterval = node.gateInterval
            gateAge = node.gateAge
            planGrace = node.planGrace
            report = node.reportInterval
            request = node.requestTimeout
            examination = node.examinationTimeout
        }
    }

    private static func told(_ duration: Duration) -> String {
        let milliseconds = duration.nanoseconds / 1_000_000
        if milliseconds < 1000 { return "\(milliseconds) ms" }
        let isMinutes = milliseconds % 60_000 == 0 && milliseconds > 60_000
        return isMinutes ? "\(milliseconds / 60_000) min" : "\(milliseconds / 1000) s"
    }

    @Test func `every wait is in the table, as long as the code waits`() throws {
        let rows = try Self.rows()
        #expect(Set(rows.map(\.name)) == Set(Self.lengths.keys))
        for row in rows {
            let length = try #require(Self.lengths[row.name], "\(row.name)")
            #expect(row.length == Self.told(length), "\(row.name)")
        }
    }

    @Test func `what sets a wait can be set`() throws {
        let example = try Self.text(of: "Deploy/agent.yaml")
        for name in Set(try Self.rows().flatMap(\.settings)).sorted() {
            #expect(example.contains("#   \(name):"), "\(name)")
        }
    }
}

extension String {
    fileprivate var trimmed: String {
        let isSpace = { (character: Character) in character == " " }
        return String(drop(while: isSpace).reversed().drop(while: isSpace).reversed())
    }
}
