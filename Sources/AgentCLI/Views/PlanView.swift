// `glm-agent plan` and `glm-agent members` for people.

import Ascend
import Base
import Doctor

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
        guard plan["groups"]?.arrayValue?.isEmpty == false else {
            return (["no plan yet"] + explanation).map { $0 + "\n" }.joined()
        }
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
        let list = members["members"]?.arrayValue ?? []
        var table = Table(
            "NODE", "ADDRESS", "ROLE", "STATE", "SINCE", "DIES#", "NOT OK", "HELD", "SUPER POD",
            "SERVER#",
            "SOFTWARE")
        for member in list {
            let inventory = member["inventory"]
            table.add(
                Table.Cell(member.text("node")), Table.Cell(member.text("address")),
                Table.Cell(role(of: member)), .member(member),
                Table.Cell(ageText(of: member, field: "since", now: now)),
                cell(inventory, "dies"), dies(inventory, "unhealthy_dies"),
                dies(inventory, "held_dies"), cell(inventory, "super_pod_id"),
                cell(inventory, "server_index"),
                Table.Cell(inventory?["software"]?.stringValue ?? ""))
        }
        // Many files differ in the same way.
        let told = list.map { (node: $0.text("node"), text: $0.text("file_differences")) }
        let differences = told.map(\.text).filter { !$0.isEmpty }.uniqued.map { text in
            let nodes = told.filter { $0.text == text }.map(\.node)
            return "\(nodes.joined(separator: ", ")): \(text.printable)"
        }
        return (table.lines(colour: colour) + differences).map { $0 + "\n" }.joined()
    }

    private func role(of member: JSONValue) -> String {
        let leads = members["leader"]?.stringValue == member.text("node")
        return leads ? "leader" : member.text("role")
    }

    /// A number of the inventory; empty where the member has told none, a question mark where it could not
    /// find it out.
    private func cell(_ inventory: JSONValue?, _ name: String) -> Table.Cell {
        guard let inventory, inventory != .null else { return "" }
        return Table.Cell(inventory[name]?.integerValue.map(String.init) ?? "?")
    }

    private func dies(_ inventory: JSONValue?, _ name: String) -> Table.Cell {
        let dies = (inventory?[name]?.arrayValue ?? []).compactMap(\.integerValue)
        return Table.Cell(dies.isEmpty ? "" : dies.map { DieID(Int($0)) }.shown)
    }
}
