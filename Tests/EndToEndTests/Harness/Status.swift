// `glm-agent status --json`, as a script reads it.

import Base

/// What one node says of the cluster.
struct Status {
    let json: JSONValue
    let exitCode: Int32

    struct Rank: Hashable {
        let rank: Int
        let node: String
        let state: String
        let pid: Int32?
        let why: String
    }

    struct Group: Hashable {
        let name: String
        let generation: Int
        let state: String
        let why: String
        let url: String
        let ranks: [Rank]

        /// Every rank's process, in the order of the ranks.
        var pids: [Int32?] { ranks.map(\.pid) }
    }

    var node: String { json.text("node") }
    var leader: String? { json["leader"]?.stringValue }
    var term: Int { json.number("term") }
    var epoch: Int { json.number("epoch") }
    var isReady: Bool { json["ready"] == true }
    var hasQuorum: Bool { json["quorum"]?["ok"] == true }
    var reasons: [String] { json.elements("reasons").compactMap(\.stringValue) }
    var notes: [String] { json.elements("notes").compactMap(\.stringValue) }
    var ageSeconds: Double? { json["age_seconds"]?.numberValue }

    /// The state of each member by its node.
    var members: [String: String] {
        Dictionary(
            uniqueKeysWithValues: json.elements("members").map {
                ($0.text("node"), $0.text("state"))
            })
    }

    var groups: [Group] {
        json.elements("groups").map { group in
            Group(
                name: group.text("name"), generation: group.number("generation"),
                state: group.text("state"), why: group.text("why"), url: group.text("url"),
                ranks: group.elements("ranks").map {
                    Rank(
                        rank: $0.number("rank"), node: $0.text("node"), state: $0.text("state"),
                        pid: $0["pid"]?.integerValue.map { Int32($0) }, why: $0.text("why"))
                })
        }
    }

    /// The router as a group of one rank.
    var router: Group? {
        guard let router = json["router"], router != .null else { return nil }
        let pid = router["pid"]?.integerValue.map { Int32($0) }
        return Group(
            name: "router", generation: router.number("generation"), state: router.text("state"),
            why: router.text("why"), url: router.text("url"),
            ranks: [
                Rank(
                    rank: 0, node: router.text("node"), state: router.text("state"), pid: pid,
                    why: router.text("why"))
            ])
    }

    /// Which process of which generation serves as what: equal as long as nothing restarts.
    var launches: [Launch] {
        (groups + (router.map { [$0] } ?? [])).map {
            Launch(group: $0.name, generation: $0.generation, pids: $0.pids)
        }
    }

    struct Launch: Hashable {
        let group: String
        let generation: Int
        let pids: [Int32?]
    }

    func group(_ name: String) -> Group? { groups.first { $0.name == name } }
}

extension JSONValue {
    /// The member's text; empty where there is none.
    func text(_ name: String) -> String { self[name]?.stringValue ?? "" }

    /// The member's number; -1 where there is none.
    func number(_ name: String) -> Int { self[name]?.integerValue.map { Int($0) } ?? -1 }

    /// The member's elements; none where it is no array.
    func elements(_ name: String) -> [JSONValue] { self[name]?.arrayValue ?? [] }
}
