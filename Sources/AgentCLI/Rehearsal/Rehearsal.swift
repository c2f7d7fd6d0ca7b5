// One rehearsal from its first process to its last: the milestones of a cluster that starts, the
// completion that proves it, and an end that leaves nothing behind.

import Base
import Profiles

/// Runs a cluster until its first answer.
final class Rehearsal {
    let cluster: RehearsalCluster
    private(set) var report: RehearsalReport
    private let console: Console
    /// Whether people read standard output; JSON has it for itself.
    private let isTold: Bool
    private let limit: Duration
    private let started = currentInstant()

    init(
        cluster: RehearsalCluster, console: Console, isTold: Bool, limit: Duration
    ) {
        self.cluster = cluster
        self.console = console
        self.isTold = isTold
        self.limit = limit
        report = RehearsalReport(profile: cluster.site.profile.name, site: cluster.site)
    }

    /// Brings the cluster up and asks it.
    /// - Returns: whether the right answer came.
    func run() -> Bool {
        do throws(RehearsalFailure) {
            try cluster.start()
        } catch {
            return fail("started", error.reason)
        }
        for phase in RehearsalPhase.allCases {
            guard reach(phase) else { return false }
            if phase == .elected {
                do throws(RehearsalFailure) {
                    for line in try cluster.startWhatIsStopped() { tell("  \(line)") }
                } catch {
                    return fail(phase.rawValue, error.reason)
                }
            }
        }
        return answer()
    }

    private func reach(_ phase: RehearsalPhase) -> Bool {
        let names = cluster.site.nodes.map(\.name)
        while true {
            let statuses = cluster.statuses()
            if phase.isReached(statuses) {
                note(phase.rawValue)
                return true
            }
            let missing = phase.whatIsMissing(statuses, names: names)
            if let failed = cluster.failedAgent {
                return fail(phase.rawValue, "the agent of \(failed.node.name) \(failed.exit)")
            }
            if let what = RehearsalPhase.whatIsGivenUp(statuses) {
                return fail(phase.rawValue, what)
            }
            if cluster.isInterrupted { return fail(phase.rawValue, "interrupted") }
            if elapsed > limit {
                return fail(
                    phase.rawValue,
                    "not within \(counted(limit.components.seconds, "second")): \(missing)\n"
                        + "  Read the logs above; --timeout SECONDS gives it longer, and another "
                        + "--dir begins anew.")
            }
            progress("\(phase.rawValue) … \(missing)")
            _ = cluster.wait(.milliseconds(100))
        }
    }

    private func answer() -> Bool {
        let phase = "first answer"
        do throws(RehearsalFailure) {
            guard let plan = cluster.firstAnswer(ControlPath("/v1/plan")) else {
                throw RehearsalFailure("no node tells the plan")
            }
            let answer = try RehearsalAnswer(site: cluster.site, plan: plan)
            // Once for each prefill group: the router takes them in turn.
            for _ in answer.expected {
                let text = try answer.ask()
                report.answer = text
                guard answer.expected.contains(text) else {
                    throw RehearsalFailure(
                        "\(answer.url) said \"\(text)\", and the known answer is "
                            + answer.expected.map { "\"\($0)\"" }.joined(separator: " or "))
                }
                if report.phases.last?.name != phase { note(phase) }
            }
            tell("  the answer is the known one: \"\(report.answer ?? "")\"")
        } catch {
            return fail(phase, error.reason)
        }
        report.status = cluster.firstAnswer(ControlPath("/v1/status")) ?? .null
        return true
    }

    // MARK: - Telling

    private var elapsed: Duration { currentInstant() - started }

    private func note(_ phase: String) {
        let seconds = elapsed.inSeconds
        report.reached(phase, after: seconds)
        progress(nil)
        tell(RehearsalReport.line(phase, seconds))
    }

    private func tell(_ line: String) {
        if isTold { console.out(line) }
    }

    /// A line that the next one replaces, at a terminal only.
    private func progress(_ text: String?) {
        guard isTold, console.isTerminal else { return }
        let line = text.map { "  \($0) (\(decimal(elapsed.inSeconds, digits: 1)) s)" } ?? ""
        console.outRaw("\r\u{1B}[K" + String(line.prefix(100)))
    }

    private func fail(_ phase: String, _ reason: String) -> Bool {
        progress(nil)
        report.failure = (phase, reason)
        report.status = cluster.firstAnswer(ControlPath("/v1/status")) ?? .null
        if let failed = cluster.failedAgent?.node {
            report.logs = [(failed.log, cluster.logTail(of: failed))]
        } else {
            report.logs = troubledShards().compactMap(log)
        }
        if report.logs.isEmpty {
            report.logs = cluster.site.nodes.map { ($0.log, cluster.logTail(of: $0, lines: 5)) }
        }
        return false
    }

    /// The shards that do not serve, at most two: they tell most.
    private func troubledShards() -> [String] {
        let groups = report.status["groups"]?.arrayValue ?? []
        let shards = groups.flatMap { group in
            (group["ranks"]?.arrayValue ?? []).filter { $0.text("state") != "ready" }
                .map { "\(group.text("name"))/\($0.number("rank"))" }
        }
        return Array(shards.prefix(2))
    }

    private func log(of shard: String) -> (source: String, lines: [String])? {
        guard let node = cluster.site.nodes.first else { return nil }
        var text = ""
        var client = ControlClient(socket: node.socket)
        client.timeout = .seconds(2)
        try? client.stream(ControlPath("/v1/logs", ["shard": shard, "lines": "10"])) { text += $0 }
        let lines = text.split(separator: "\n").map(String.init)
        return lines.isEmpty ? nil : ("log of \(shard)", lines)
    }
}

@available(*, unavailable) extension Rehearsal: Sendable {}
