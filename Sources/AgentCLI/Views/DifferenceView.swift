// `glm-agent plan --diff FILE` for people: for every group what would happen to it, and for every rank the
// lines of the environment and the words of the command that differ.

import Base

struct DifferenceView {
    let answer: JSONValue
    let colour: Bool

    var text: String {
        let from = answer["from"]?.stringValue ?? "nothing"
        var lines = ["from \(from) to \(answer.text("profile"))"]
        for group in answer["groups"]?.arrayValue ?? [] { lines += [""] + describe(group) }
        return (lines + [""] + summary).map { $0 + "\n" }.joined()
    }

    private func describe(_ group: JSONValue) -> [String] {
        let name = group.text("group")
        switch group.text("change") {
        case "none": return ["\(name) goes on: every byte of its launch stays the same"]
        case "ends": return ["\(name) ends: the new profile has no such group"]
        case "starts":
            return ["\(name) starts (generation \(group.number("generation")))"] + ranks(of: group)
        default:
            return ["\(name) restarts (generation \(group.number("generation")))"]
                + ranks(of: group)
        }
    }

    private func ranks(of group: JSONValue) -> [String] {
        (group["ranks"]?.arrayValue ?? []).flatMap { rank -> [String] in
            let node = rank["node"]?.stringValue ?? "no node"
            let old = rank["old_node"]?.stringValue
            let moved = old != nil && old != node ? " (now on \(old ?? ""))" : ""
            let difference = rank["difference"]
            let parts = [("environment", "environment"), ("argv", "command"), ("host", "host")]
                .flatMap { key, title in changes(difference?[key], title) }
            return ["  rank \(rank.number("rank")) on \(node)\(moved)"]
                + (parts.isEmpty ? ["    no byte differs"] : parts)
        }
    }

    private func changes(_ list: JSONValue?, _ title: String) -> [String] {
        let changes = list?.arrayValue ?? []
        guard !changes.isEmpty else { return [] }
        return ["    \(title)"]
            + changes.flatMap { change -> [String] in
                let old = (change["old"]?.arrayValue ?? []).compactMap(\.stringValue)
                let new = (change["new"]?.arrayValue ?? []).compactMap(\.stringValue)
                // A value alone says little without its flag.
                let after = change["after"]?.stringValue.map { ["        \($0)"] } ?? []
                return (title == "command" ? after : [])
                    + old.map { styled("      - \($0)", .bad) }
                    + new.map { styled("      + \($0)", .good) }
            }
    }

    private var summary: [String] {
        let groups = answer["groups"]?.arrayValue ?? []
        let restarting = groups.filter { $0.text("change") == "restarts" }.map { $0.text("group") }
        guard !restarting.isEmpty else { return ["nothing that runs would restart"] }
        var lines = [
            "would restart, one after the other, each once the one before serves: "
                + restarting.joined(separator: ", ")
        ]
        let with = (answer["restart_with_the_store"]?.arrayValue ?? []).compactMap(\.stringValue)
        if !with.isEmpty {
            lines.append(
                "would restart with \(answer.text("store_owner")), whose transfer store they share: "
                    + with.joined(separator: ", "))
        } else if restarting.contains(answer.text("store_owner")), restarting.count > 1 {
            lines.append(
                "\(answer.text("store_owner")) has the transfer store: whoever shares it restarts "
                    + "with it, at once")
        }
        return lines
    }

    private func styled(_ text: String, _ style: Style) -> String {
        colour ? style.applied(to: text) : text
    }
}
