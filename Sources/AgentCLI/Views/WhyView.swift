// `glm-agent why GROUP` for people: what the group does now, why its last generation ended, what that means
// and what to do, and what the other ranks said. Drawn from the published JSON alone.

import Base

/// The answer as lines of text.
struct WhyView {
    let answer: JSONValue
    /// The wall clock of whoever looks, for ages.
    let now: WallTime
    let colour: Bool

    var text: String {
        (state + ranks + restart + failure + others).map { $0 + "\n" }.joined()
    }

    private var state: [String] {
        let generation = answer.number("generation")
        let why = answer.text("why").printable
        let detail = why.isEmpty ? "" : ": \(why)"
        let head = "\(answer.text("group")) is \(answer.text("state")) (generation \(generation))"
        guard let waits = answer["waits_for"]?.stringValue else { return [head + detail] }
        let next = StatusView.nextLaunch(of: answer, now: now).map {
            ["It is launched again \($0)."]
        }
        return [head, "It waits: \(waits.printable)"] + (next ?? [])
    }

    /// What its ranks say of themselves, also while it is taken for ready.
    private var ranks: [String] {
        (answer["ranks"]?.arrayValue ?? []).map { rank in
            "Rank \(rank.number("rank")) on \(rank.text("node")) is \(rank.text("state")): "
                + rank.text("why").printable
        }
    }

    /// Its last end, where that was none of its failures: those are told below.
    private var restart: [String] {
        StatusView.lastRestart(of: answer, now: now).map { ["", $0] } ?? []
    }

    private var failure: [String] {
        guard let failure = answer["last_failure"], failure != .null else {
            return ["", "No generation of it has failed, as far as is remembered."]
        }
        let age = ageText(of: failure, field: "time", now: now)
        let head =
            "Generation \(failure.number("generation")) ended \(age) ago: \(failure.text("why").printable)"
        guard let told = failure["diagnosis"], told != .null else {
            let tail = (failure["log_tail"]?.arrayValue ?? []).suffix(5).compactMap(\.stringValue)
            return ["", head, "No log says more."]
                + (tail.isEmpty ? [] : ["The last lines of that rank:"] + tail.map(quoted))
        }
        return [
            "", head,
            "What failed first: \(place(told)): \(styled(told.text("title"), .bad)) (\(told.text("kind")))",
        ]
            + [quoted(told.text("line"))] + doubts(told)
            + ["It usually means: \(told.text("meaning")).", "What to do: \(told.text("remedy"))."]
    }

    private func place(_ told: JSONValue) -> String {
        "rank \(told.number("rank")) on \(told.text("node"))"
            + (told["die"]?.integerValue.map { ", die \($0)" } ?? "")
            + (told["world_rank"]?.integerValue.map { " (rank \($0) of the world)" } ?? "")
    }

    private func doubts(_ told: JSONValue) -> [String] {
        let accuser = told["said_by_rank"]?.integerValue.map {
            "Rank \($0) says so; the rank itself said nothing that explains it."
        }
        let rivals = (told["rivals"]?.arrayValue ?? []).compactMap(\.integerValue)
        let names = rivals.map { "rank \($0)" }.joined(separator: " or ")
        let doubt =
            rivals.isEmpty
            ? nil
            : "It may as well have been \(names): times are known within ±\(told.number("margin_ms")) ms."
        return [accuser, doubt].compactMap { $0 }
    }

    private var others: [String] {
        let others = answer["last_failure"]?["diagnosis"]?["others"]?.arrayValue ?? []
        guard !others.isEmpty else { return [] }
        var table = Table("RANK#", "NODE", "AFTER#", "WHAT")
        for other in others {
            let isConsequence = other.text("role") == FailureRole.consequence
            table.add(
                Table.Cell(other.number("rank")), Table.Cell(other.text("node")),
                Table.Cell(offset(other)),
                Table.Cell((isConsequence ? "consequence: " : "") + other.text("title")))
            // A line of its own: what matters stands at its end as often as not.
            if !other.text("line").isEmpty { table.addNote("| \(other.text("line"))") }
        }
        return ["", styled("WHAT THE OTHER RANKS SAID", .heading)] + table.lines(colour: colour)
    }

    private enum FailureRole {
        static let consequence = "consequence"
    }

    /// `+0.250 s`, after the first failure.
    private func offset(_ other: JSONValue) -> String {
        let milliseconds = other["after_ms"]?.integerValue ?? 0
        let size = milliseconds.magnitude
        let digits = String(size % 1000)
        let padding = String(repeating: "0", count: 3 - digits.count)
        return "\(milliseconds < 0 ? "-" : "+")\(size / 1000).\(padding)\(digits) s"
    }

    private func quoted(_ line: String) -> String { "  | \(line.printable)" }

    private func styled(_ text: String, _ style: Style) -> String {
        colour ? style.applied(to: text) : text
    }
}
