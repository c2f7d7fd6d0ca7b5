// `glm-agent status` for people, drawn from the published JSON alone: what a person sees is what a
// script can read.

import Ascend
import Base
import Doctor

/// A status as lines of text.
struct StatusView {
    let status: JSONValue
    /// The wall clock of whoever looks, for ages.
    let now: WallTime
    let colour: Bool

    var text: String {
        let lines =
            summary + [""] + members + [""] + groups + router
            + (reasons.isEmpty ? [] : [""] + reasons) + (notes.isEmpty ? [] : [""] + notes)
        return lines.map { $0 + "\n" }.joined()
    }

    // MARK: - Parts

    private var summary: [String] {
        let leader = status["leader"]?.stringValue
        let rows: [(String, String)] = [
            (
                "cluster",
                "\(string("cluster")) (asked \(string("node")), version \(string("version")))"
            ),
            ("leader", (leader ?? styled("none", .bad)) + ", term \(integer("term"))"),
            ("quorum", quorum),
            ("profile", profile),
            ("as of", age),
            ("serving", serving),
            ("ready", ready),
        ]
        return rows.map { "\($0.0.padded(to: 8))  \($0.1)" }
    }

    /// With the most important reason; all of them stand below.
    private var ready: String {
        if isReady { return styled("yes", .good) }
        let reason = list("reasons").first?.stringValue
        return styled("no", .bad) + (reason.map { " (\($0.printable))" } ?? "")
    }

    private var quorum: String {
        let quorum = status["quorum"] ?? .null
        let isThere = quorum["ok"]?.boolValue ?? false
        let missing = (quorum["missing"]?.arrayValue ?? []).compactMap(\.stringValue)
        return (isThere ? "yes" : styled("no", .bad))
            + " (\(quorum.number("have")) of \(quorum.number("voters")) voters here, "
            + "\(quorum.number("need")) needed"
            + (missing.isEmpty ? "" : "; missing: \(missing.joined(separator: ", "))") + ")"
    }

    private var profile: String {
        guard let name = status["profile"]?.stringValue else { return "none agreed yet" }
        return "\(name), wanted \(string("wanted")), epoch \(integer("epoch"))"
    }

    private var age: String {
        guard let seconds = status["age_seconds"]?.numberValue else {
            return styled("never: the leader has not been heard yet", .attention)
        }
        let text = seconds < 10 ? "\(decimal(seconds, digits: 1)) s ago" : "\(ago(seconds)) ago"
        return seconds < 10 ? text : styled(text, .attention)
    }

    private var members: [String] {
        var table = Table("NODE", "ADDRESS", "STATE", "SINCE")
        for member in list("members") {
            table.add(
                Table.Cell(member.text("node")), Table.Cell(member.text("address")),
                .member(member), Table.Cell(since(member)))
        }
        return [styled("MEMBERS", .heading)] + table.lines(colour: colour)
    }

    private var groups: [String] {
        let groups = list("groups")
        guard !groups.isEmpty else { return [styled("GROUPS", .heading), "  none planned yet"] }
        var table = Table(
            "GROUP", "RANK#", "NODE", "STATE", "GEN#", "PID#", "RESTARTS#", "SINCE", "DETAIL")
        for group in groups {
            table.add(
                Table.Cell(group.text("name")), "", "", .state(of: group),
                Table.Cell(group.number("generation")), "", Table.Cell(group.number("restarts")),
                "", Table.Cell(detail(of: group, or: place(of: group, parts(of: group)))))
            for note in obstacles(of: group) { table.addNote(note) }
            for note in lastFailure(of: group, named: group.text("name")) { table.addNote(note) }
            if let note = Self.lastRestart(of: group, now: now) { table.addNote(note) }
            if let note = repairText(of: group) { table.addNote(note) }
            for rank in group["ranks"]?.arrayValue ?? [] {
                table.add(
                    "", Table.Cell(rank.number("rank")), Table.Cell(rank.text("node")),
                    .state(ofRank: rank, in: group), "", Table.Cell(rank.number("pid")),
                    Table.Cell(rank.number("restarts")), Table.Cell(since(rank)),
                    Table.Cell(detail(of: rank)))
            }
        }
        return [styled("GROUPS", .heading)] + table.lines(colour: colour)
    }

    /// How far a load has come says more than that nothing listens yet.
    private func detail(of rank: JSONValue) -> String {
        guard let progress = rank["progress"], progress != .null else { return rank.text("why") }
        let percent = progress["fraction"]?.numberValue.map { " \(Int($0 * 100)) %" } ?? ""
        return "loads: \(progress.text("phase"))\(percent)"
    }

    /// Where a group or the router serves; what is wrong with it stands there instead while something is.
    /// What does not serve has no address that anybody should try.
    private func place(of group: JSONValue, _ parts: [String]) -> String {
        switch group.text("state") {
        case "ready", "degraded": parts.joined(separator: ", ")
        case "stopped": "stopped by the operator"
        default: ""
        }
    }

    /// What the launch gate found, each with what to do.
    private func obstacles(of group: JSONValue) -> [String] {
        let findings = group["gate"]?.arrayValue ?? []
        return findings.filter { $0.text("standing") == "blocks" }.map { finding in
            let dies = (finding["dies"]?.arrayValue ?? []).compactMap { $0.integerValue }
                .map { DieID(Int($0)) }
            let place = [finding.text("node"), dies.isEmpty ? "" : dies.shown]
                .filter { !$0.isEmpty }.joined(separator: ", ")
            return "check \(finding.number("check"))\(place.isEmpty ? "" : ": \(place)"): "
                + "\(finding.text("evidence")); \(finding.text("remedy"))"
        }
    }

    private func parts(of group: JSONValue) -> [String] {
        var parts = [group.text("url")]
        if let port = group["bootstrap_port"]?.integerValue { parts.append("bootstrap \(port)") }
        if let master = group["dist_init_master"]?.stringValue { parts.append("master \(master)") }
        return parts
    }

    /// Why it last had to start again, also when it serves by now; and what the logs say of it, where they
    /// say more than that a process ended.
    private func lastFailure(of group: JSONValue, named name: String) -> [String] {
        guard let failure = group["last_failure"], failure != .null else { return [] }
        let head =
            "last failure: generation \(failure.number("generation")), \(failure.text("why")), "
            + "\(ageText(of: failure, field: "time", now: now)) ago"
        guard let told = failure["diagnosis"], told != .null, told.text("kind") != "ended" else {
            let last = failure["log_tail"]?.arrayValue?.last?.stringValue
            return [head] + (last.map { ["its log ends: \($0.shortened(to: 160))"] } ?? [])
        }
        return [head, "first: \(told.text("summary")); more: glm-agent why \(name)"]
    }

    private var router: [String] {
        guard let router = status["router"], router != .null else { return [] }
        var table = Table("NODE", "STATE", "GEN#", "PID#", "RESTARTS#", "SINCE", "DETAIL")
        table.add(
            Table.Cell(router.text("node")), .state(of: router),
            Table.Cell(router.number("generation")), Table.Cell(router.number("pid")),
            Table.Cell(router.number("restarts")), Table.Cell(since(router)),
            Table.Cell(detail(of: router, or: place(of: router, [router.text("url")]))))
        for note in lastFailure(of: router, named: "router") { table.addNote(note) }
        if let note = Self.lastRestart(of: router, now: now) { table.addNote(note) }
        if let note = repairText(of: router) { table.addNote(note) }
        return ["", styled("ROUTER", .heading)] + table.lines(colour: colour)
    }

    private var reasons: [String] {
        let reasons = list("reasons").compactMap(\.stringValue)
        guard !reasons.isEmpty else { return [] }
        return [styled("NOT READY BECAUSE", .heading)] + reasons.map { "  \($0.printable)" }
    }

    private var notes: [String] {
        let notes = list("notes").compactMap(\.stringValue)
        guard !notes.isEmpty else { return [] }
        return [styled("NOTES", .heading)] + notes.map { "  \($0.printable)" }
    }

    // MARK: - Reading

    private var isReady: Bool { status["ready"]?.boolValue ?? false }

    private func list(_ name: String) -> [JSONValue] { status[name]?.arrayValue ?? [] }
    private func string(_ name: String) -> String { status.text(name) }
    private func integer(_ name: String) -> String { status.number(name) }

    func styled(_ text: String, _ style: Style) -> String {
        colour ? style.applied(to: text) : text
    }

    private func since(_ value: JSONValue) -> String {
        ageText(of: value, field: "since", now: now)
    }

    private func ago(_ seconds: Double) -> String {
        shortDuration(.milliseconds(Int64(seconds * 1000)))
    }
}

extension Table.Cell {
    /// How a member is, and whether an operator keeps it out.
    static func member(_ member: JSONValue) -> Table.Cell {
        let state = member.text("state")
        let cordon = member.text("cordon")
        guard !cordon.isEmpty else { return .state(state) }
        return Table.Cell(
            "\(state), \(cordon)", state == "alive" ? .attention : Style(state: state))
    }
}

extension JSONValue {
    /// The string member of that name; empty where there is none.
    func text(_ name: String) -> String { self[name]?.stringValue ?? "" }

    /// The string member of that name where it is not empty, else the other text.
    func text(_ name: String, or other: String) -> String {
        let text = text(name)
        return text.isEmpty ? other : text
    }

    /// The whole-number member of that name as text; empty where there is none.
    func number(_ name: String) -> String { self[name]?.integerValue.map { String($0) } ?? "" }
}

/// How long ago the time in that member was; empty where there is none.
func ageText(of value: JSONValue, field: String, now: WallTime) -> String {
    guard let then = value[field]?.stringValue.flatMap({ WallTime(text: $0) }) else { return "" }
    return shortDuration(now - then)
}
