// `GET /metrics`: the status as numbers, in the text form of OpenMetrics 1.0, which Prometheus reads.
// Every label is a name of the configuration or one of a fixed set of words, so the number of lines is
// bounded by the deployment. Protocols/control.md lists the families.

import Base
import ClusterState
import Membership
import Node
import Supervision

/// One answer to a scrape.
struct Metrics {
    static let contentType = "application/openmetrics-text; version=1.0.0; charset=utf-8"

    private(set) var text = ""

    init(_ status: ClusterStatus, _ state: ReplicatedState) {
        addAgent(status)
        addMembers(status)
        addGroups(Self.groups(of: status, state))
        text += "# EOF\n"
    }

    // MARK: - Families

    private mutating func addAgent(_ status: ClusterStatus) {
        family("build", "info", "The agent that answers.") {
            [
                Sample(
                    "_info",
                    [
                        ("cluster", status.cluster), ("node", status.node),
                        ("version", status.version),
                    ], 1)
            ]
        }
        gauge("ready", "Whether everything wanted serves.", status.ready)
        gauge("wanted", "Whether the deployment should run.", status.wanted == "running")
        gauge("is_leader", "Whether this agent leads.", status.leader == status.node)
        gauge("has_leader", "Whether this agent knows a leader.", status.leader != nil)
        gauge("term", "The term of the consensus.", Double(status.term))
        gauge("epoch", "The epoch of the plan.", Double(status.epoch))
        gauge("quorum", "Whether there is a quorum.", status.quorum.ok)
        gauge("quorum_voters", "The voters in contact.", Double(status.quorum.have))
        gauge("quorum_needed_voters", "The voters that are needed.", Double(status.quorum.need))
        if let age = status.ageSeconds {
            gauge("view_age_seconds", "Since the leader last confirmed what is shown.", age)
        }
    }

    private mutating func addMembers(_ status: ClusterStatus) {
        family("members", "gauge", "The configured nodes by the state of their agent.") {
            MemberState.allCases.map { state in
                let count = status.members.count { $0.state == state.rawValue }
                return Sample("", [("state", state.rawValue)], Double(count))
            }
        }
    }

    private mutating func addGroups(_ groups: [Group]) {
        family("group_state", "stateset", "The state of each group and of the router.") {
            groups.flatMap { group in
                GroupCondition.allCases.map { condition in
                    Sample(
                        "",
                        group.labels + [("glm_agent_group_state", condition.rawValue)],
                        group.state == condition.rawValue ? 1 : 0)
                }
            }
        }
        family("group_generation", "gauge", "The newest launch.") {
            groups.map { Sample("", $0.labels, Double($0.generation)) }
        }
        family("group_restarts", "counter", "Launches that were restarts.") {
            groups.map { Sample("_total", $0.labels, Double($0.restarts)) }
        }
        addRestarts(groups)
        family("group_failures", "gauge", "Failures in a row.") {
            groups.map { Sample("", $0.labels, Double($0.failures)) }
        }
        family("group_last_failure_timestamp_seconds", "gauge", "When it last failed.") {
            groups.compactMap { group in
                group.lastFailure.map {
                    Sample("", group.labels, Double($0.millisecondsSinceEpoch) / 1000)
                }
            }
        }
    }

    /// From the ledger of restarts.
    private mutating func addRestarts(_ groups: [Group]) {
        family("group_ends", "counter", "Ended generations by cause.") {
            groups.flatMap { group in
                EndCause.Kind.allCases.map { kind in
                    Sample(
                        "_total", group.labels + [("cause", kind.rawValue)],
                        Double(group.tally.ends(by: kind)))
                }
            }
        }
        family(
            "group_repair_seconds", "summary",
            "From a failure or a lost node until the group served again."
        ) {
            groups.flatMap { group in
                [
                    Sample("_count", group.labels, Double(group.tally.repairs)),
                    Sample("_sum", group.labels, Double(group.tally.milliseconds) / 1000),
                ]
            }
        }
        family("group_mttr_seconds", "gauge", "The mean time to repair.") {
            groups.compactMap { group in
                group.tally.meanTimeToRepair.map { Sample("", group.labels, $0.inSeconds) }
            }
        }
        family("group_last_restart_seconds", "gauge", "The parts of the last restart.") {
            groups.flatMap { group in
                RestartRecord.Part.allCases.compactMap { part in
                    group.lastRestart?.duration(of: part).map {
                        Sample("", group.labels + [("part", part.rawValue)], $0.inSeconds)
                    }
                }
            }
        }
    }

    // MARK: - Text

    private struct Sample {
        let suffix: String
        let labels: [(String, String)]
        let value: Double

        init(_ suffix: String, _ labels: [(String, String)], _ value: Double) {
            self.suffix = suffix
            self.labels = labels
            self.value = value
        }
    }

    private mutating func gauge(_ name: String, _ help: String, _ value: Double) {
        family(name, "gauge", help) { [Sample("", [], value)] }
    }

    private mutating func gauge(_ name: String, _ help: String, _ holds: Bool) {
        gauge(name, help, holds ? 1 : 0)
    }

    private mutating func family(
        _ name: String, _ type: String, _ help: String, _ samples: () -> [Sample]
    ) {
        let full = "glm_agent_\(name)"
        text += "# TYPE \(full) \(type)\n# HELP \(full) \(help)\n"
        for sample in samples() {
            let labels = sample.labels.map { "\($0.0)=\"\(escaped($0.1))\"" }
            let braces = labels.isEmpty ? "" : "{\(labels.joined(separator: ","))}"
            text += "\(full)\(sample.suffix)\(braces) \(number(sample.value))\n"
        }
    }

    private func number(_ value: Double) -> String {
        let whole = Int64(exactly: value)
        return whole.map { String($0) } ?? "\(value)"
    }

    private func escaped(_ label: String) -> String {
        label.map { character in
            switch character {
            case "\\": "\\\\"
            case "\"": "\\\""
            case "\n": "\\n"
            default: String(character)
            }
        }
        .joined()
    }

    // MARK: - Groups and the router alike

    private struct Group {
        let name: String
        let role: String
        let state: String
        let generation: UInt64
        let restarts: Int
        let failures: Int
        let lastFailure: WallTime?
        let tally: RepairTally
        let lastRestart: RestartRecord?

        var labels: [(String, String)] { [("group", name), ("role", role)] }
    }

    private static func groups(of status: ClusterStatus, _ state: ReplicatedState) -> [Group] {
        func failures(_ name: String) -> Int { state.record(of: GroupName(name)).failures }
        func tally(_ name: String) -> RepairTally {
            state.restartLedger.tally(of: GroupName(name))
        }
        func lastRestart(_ name: String) -> RestartRecord? {
            state.restartLedger.last(of: GroupName(name))
        }
        let engines = status.groups.map { group in
            Group(
                name: group.name, role: group.role, state: group.state,
                generation: group.generation, restarts: group.restarts,
                failures: failures(group.name), lastFailure: group.lastFailure?.time,
                tally: tally(group.name), lastRestart: lastRestart(group.name))
        }
        let router = status.router.map { router in
            Group(
                name: Role.router.rawValue, role: Role.router.rawValue, state: router.state,
                generation: router.generation, restarts: router.restarts,
                failures: failures(Role.router.rawValue), lastFailure: router.lastFailure?.time,
                tally: tally(Role.router.rawValue), lastRestart: lastRestart(Role.router.rawValue))
        }
        return engines + (router.map { [$0] } ?? [])
    }
}
