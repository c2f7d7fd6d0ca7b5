// `glm-agent events --restarts` for people: one line a restart, and the mean time to repair of each group.

import Base

/// The ledger of restarts as lines of text.
struct RestartsView {
    let answer: JSONValue
    let colour: Bool

    var text: String {
        let restarts = answer["restarts"]?.arrayValue ?? []
        guard !restarts.isEmpty else { return "no group has ended since this cluster began\n" }
        var table = Table(
            "TIME", "GROUP", "GEN#", "CAUSE", "PLACE", "ASKED BY", "DETECT#", "STOP#", "START#",
            "READY#", "TOTAL#")
        for restart in restarts {
            table.add(
                Table.Cell(restart.text("detected_at")), Table.Cell(restart.text("group")),
                Table.Cell(generations(of: restart)), Table.Cell(restart.text("cause")),
                Table.Cell(place(of: restart)), Table.Cell(restart.text("asked_by")),
                part("detect", of: restart), part("stop", of: restart), part("start", of: restart),
                part("ready", of: restart), Table.Cell(seconds(restart["total_seconds"])))
            table.addNote(restart.text("why"))
        }
        var means = Table("GROUP", "REPAIRS#", "MEAN TIME TO REPAIR#", "ENDED BY")
        for group in answer["groups"]?.arrayValue ?? [] {
            let repairs = group["repairs"] ?? .null
            means.add(
                Table.Cell(group.text("group")), Table.Cell(repairs.number("count")),
                Table.Cell(seconds(repairs["mttr_seconds"])), Table.Cell(ends(of: repairs)))
        }
        let lines = table.lines(colour: colour) + [""] + means.lines(colour: colour)
        return lines.map { $0 + "\n" }.joined()
    }

    private func generations(of restart: JSONValue) -> String {
        let next = restart.number("generation")
        return restart.number("ended_generation") + (next.isEmpty ? "" : ">\(next)")
    }

    /// `node-2/1 die 3`: what failed first, where that is known.
    private func place(of restart: JSONValue) -> String {
        let rank = restart.number("rank")
        let die = restart.number("die")
        return restart.text("node") + (rank.isEmpty ? "" : "/\(rank)")
            + (die.isEmpty ? "" : " die \(die)")
    }

    private func part(_ name: String, of restart: JSONValue) -> Table.Cell {
        Table.Cell(seconds(restart["seconds"]?[name]))
    }

    private func seconds(_ value: JSONValue?) -> String {
        value?.numberValue.map { "\(decimal($0, digits: 1)) s" } ?? ""
    }

    private func ends(of repairs: JSONValue) -> String {
        guard case .object(let members)? = repairs["ends"] else { return "" }
        return members.filter { ($0.value.integerValue ?? 0) > 0 }
            .map { "\($0.name) \($0.value.integerValue ?? 0)" }.joined(separator: ", ")
    }
}

extension StatusView {
    /// How long a group takes to serve again, once it has had to.
    func repairText(of group: JSONValue) -> String? {
        guard let repairs = group["repairs"], let count = repairs["count"]?.integerValue, count > 0,
            let mean = repairs["mttr_seconds"]?.numberValue
        else { return nil }
        let often = count == 1 ? "once" : "\(count) times"
        return "repaired \(often), in \(decimal(mean, digits: 1)) s"
            + (count == 1 ? "" : " on average") + "; more: glm-agent events --restarts"
    }
}
