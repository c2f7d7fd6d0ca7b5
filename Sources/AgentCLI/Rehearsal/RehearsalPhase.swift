// How far a cluster has come, read from what its nodes say of themselves: the milestones that a
// rehearsal times. Pure, so that each is tested without a cluster.

import Base

/// A milestone of a cluster that starts. Each needs those before it.
enum RehearsalPhase: String, CaseIterable, Sendable {
    /// Every agent answers and sees every member alive.
    case formed
    /// Every agent names the same leader.
    case elected
    /// Every agent has the committed plan.
    case planned
    /// Every rank and the router have a process.
    case launched
    /// Everything wanted serves.
    case ready

    /// Whether these statuses have come so far; one for each node, nil where it does not answer.
    func isReached(_ statuses: [JSONValue?]) -> Bool {
        let answered = statuses.compactMap { $0 }
        guard answered.count == statuses.count, !answered.isEmpty else { return false }
        switch self {
        case .formed:
            return answered.allSatisfy { status in
                let members = status["members"]?.arrayValue ?? []
                return members.count == statuses.count
                    && members.allSatisfy { $0.text("state") == "alive" }
            }
        case .elected:
            let leaders = Set(answered.map { $0.text("leader") })
            return leaders.count == 1 && leaders != [""]
        case .planned:
            return answered.allSatisfy { !($0["groups"]?.arrayValue ?? []).isEmpty }
        case .launched:
            return answered.contains { $0.processes.allSatisfy { $0 } && !$0.processes.isEmpty }
        case .ready:
            return answered.contains { $0["ready"] == true }
        }
    }

    /// What is missing, for the line of progress and for a failure.
    func whatIsMissing(_ statuses: [JSONValue?], names: [String]) -> String {
        let silent = zip(names, statuses).filter { $0.1 == nil }.map(\.0)
        guard silent.isEmpty else { return "no answer yet from \(silent.joined(separator: ", "))" }
        let answered = statuses.compactMap { $0 }
        let first = answered.first { $0.text("leader") == $0.text("node") } ?? answered.first
        guard let first else { return "no node answers" }
        switch self {
        case .formed:
            let alive = answered.map { status in
                let members = status["members"]?.arrayValue ?? []
                return members.count { $0.text("state") == "alive" }
            }
            return "members seen alive: \(alive.map(String.init).joined(separator: ", "))"
        case .elected: return "term \(first.number("term")), no common leader"
        case .planned: return (first["reasons"]?[0]?.stringValue ?? "no plan yet")
        case .launched, .ready:
            let groups = first["groups"]?.arrayValue ?? []
            let router = first["router"].map { $0 == .null ? [] : ["router \($0.text("state"))"] }
            return (groups.map { "\($0.text("name")) \($0.text("state"))" } + (router ?? []))
                .joined(separator: ", ")
        }
    }
}

extension RehearsalPhase {
    /// What has been given up, and why: only an operator could go on from there. nil while
    /// everything is still tried.
    static func whatIsGivenUp(_ statuses: [JSONValue?]) -> String? {
        for status in statuses.compactMap({ $0 }) {
            let groups = (status["groups"]?.arrayValue ?? []).map { ($0.text("name"), $0) }
            let router = status["router"].map { [("router", $0)] } ?? []
            for (name, part) in groups + router where part.text("state") == "failed" {
                return "\(name) has failed: \(part.text("why"))"
            }
        }
        return nil
    }
}

extension JSONValue {
    /// For each rank and the router of a status, whether it has a process.
    fileprivate var processes: [Bool] {
        let ranks = (self["groups"]?.arrayValue ?? []).flatMap { $0["ranks"]?.arrayValue ?? [] }
        let router = self["router"].map { $0 == .null ? [] : [$0] } ?? []
        return (ranks + router).map { $0["pid"]?.integerValue != nil }
    }
}
