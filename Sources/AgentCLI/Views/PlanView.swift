// `glm-agent plan` and `glm-agent members` for people.

import Base

/// The committed plan as lines of text.
struct PlanView {
    let plan: JSONValue
    let colour: Bool

    var text: String {
        var table = Table(
            "GROUP", "RANK#", "NODE", "ADDRESS", "SERVES", "MEETS AT", "BOOTSTRAP", "STORE")
        for group in plan["groups"]?.arrayValue ?? [] {
            for (index, rank) in (group["ranks"]?.arrayValue ?? []).enumerated() {
                let isFirst = index == 0
                table.add(
                    Table.Cell(isFirst ? group.text("name") : ""), Table.Cell(rank.number("rank")),
                    Table.Cell(rank.text("node")), Table.Cell(rank.text("address")),
                    Table.Cell(isFirst ? group.text("url") : ""),
                    Table.Cell(isFirst ? group.text("dist_init") : ""),
                    Table.Cell(isFirst ? group.text("bootstrap") : ""),
                    Table.Cell(isFirst ? group.text("store") : ""))
            }
        }
        let spares = (plan["spares"]?.arrayValue ?? []).compactMap(\.stringValue)
        let explanation = (plan["explanation"]?.arrayValue ?? []).compactMap(\.stringValue)
        let profile = plan["profile"]?.stringValue ?? "no profile"
        let lines =
            ["epoch \(plan.number("epoch")) of \(profile)", ""] + table.lines(colour: colour)
            + ["", "spares: " + (spares.isEmpty ? "none" : spares.joined(separator: ", "))]
            + (explanation.isEmpty ? [] : [""] + explanation)
        return lines.map { $0 + "\n" }.joined()
    }
}

/// The members as lines of text.
struct MembersView {
    let members: JSONValue
    let now: WallTime
    let colour: Bool

    var text: String {
        var table = Table("NODE", "ADDRESS", "STATE", "SINCE")
        for member in members["members"]?.arrayValue ?? [] {
            table.add(
                Table.Cell(member.text("node")), Table.Cell(member.text("address")),
                .state(member.text("state")),
                Table.Cell(ageText(of: member, field: "since", now: now)))
        }
        return table.lines(colour: colour).map { $0 + "\n" }.joined()
    }
}
