// What tells a group that is out of sight from one that is down, and a launch to come from none.

import Base

extension StatusView {
    /// Whether a request is answered, whatever else is not as it should be.
    var serving: String {
        switch status["serving"]?.boolValue {
        case true?: styled("yes", .good)
        case false?: styled("no", .bad)
        case nil: styled("not known", .attention)
        }
    }

    /// What is said of a group, with the time of its next launch before it.
    func detail(of group: JSONValue, or place: String) -> String {
        let why = group.text("why", or: place)
        guard let next = Self.nextLaunch(of: group, now: now) else { return why }
        return "next launch \(next): \(why)"
    }

    /// `in 4 s`; nil where it waits for no time.
    static func nextLaunch(of group: JSONValue, now: WallTime) -> String? {
        group["next_launch"]?.stringValue.flatMap { WallTime(text: $0) }.map {
            $0 > now ? "in \(shortDuration($0 - now))" : "now"
        }
    }

    /// Its last end, where that was no failure and came after the last one: with the store that it shares, by
    /// a changed plan, by order.
    static func lastRestart(of group: JSONValue, now: WallTime) -> String? {
        guard let restart = group["last_restart"], restart != .null,
            ["dependency", "planChanged"].contains(restart.text("cause")),
            restart["ended_generation"]?.integerValue ?? 0
                > group["last_failure"]?["generation"]?.integerValue ?? -1
        else { return nil }
        let age = ageText(of: restart, field: "detected_at", now: now)
        return "last restart: generation \(restart.number("ended_generation")), "
            + "\(restart.text("why")), \(age) ago; no failure of its own"
    }
}

extension Table.Cell {
    /// How a group is, and whether it answers where its state does not tell.
    static func state(of group: JSONValue) -> Table.Cell {
        let state = group.text("state")
        let isServing = group["serving"]?.boolValue
        let word =
            switch (state, isServing) {
            case ("degraded", true?): "degraded, serves"
            case ("degraded", false?): "degraded, down"
            case ("ready", nil) where group["stale"]?.boolValue == true: "unwatched"
            default: state
            }
        return Table.Cell(word, Style(state: state))
    }

    /// A rank whose agent is out of reach is not watched; where its group serves, it is there all the same.
    static func state(ofRank rank: JSONValue, in group: JSONValue) -> Table.Cell {
        guard rank.text("state") == "absent", group["serving"]?.boolValue == true else {
            return .state(rank.text("state"))
        }
        return Table.Cell("unwatched", .attention)
    }
}
