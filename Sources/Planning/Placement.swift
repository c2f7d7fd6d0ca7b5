// Which candidate holds which rank: a value that the search of `Planner` copies and tries. A node
// takes ranks of several groups only while their devices and their ports are different.

import Base
import Profiles

struct Placement {
    let candidates: [Candidate]
    /// By group in the order of the shapes, by rank: the candidate's index, nil while it is open.
    private(set) var holders: [[Int?]]
    private let shapes: [GroupShape]
    /// What each group binds on a node, as its master: the most that it ever does.
    private let groupClaims: [[PortClaim]]
    private var devices: [Set<Int>]
    private var claims: [[PortClaim]]

    init(shapes: [GroupShape], candidates: [Candidate], ignoresPorts: Bool = false) {
        self.shapes = shapes
        self.candidates = candidates
        groupClaims = shapes.map { ignoresPorts ? [] : $0.claims(ofMaster: true) }
        holders = shapes.map { Array(repeating: nil, count: $0.nodes) }
        devices = Array(repeating: [], count: candidates.count)
        claims = Array(repeating: [], count: candidates.count)
    }

    /// Whether the candidate has the devices and ports of the group free, whatever its rank.
    func hasRoom(_ candidate: Int, for group: Int) -> Bool {
        !holders[group].contains(candidate)
            && devices[candidate].isDisjoint(with: shapes[group].devices)
            && groupClaims[group].collision(with: claims[candidate]) == nil
    }

    mutating func assign(_ candidate: Int, to rank: Int, of group: Int) {
        invariant(holders[group][rank] == nil, "\(shapes[group].name) rank \(rank) is held")
        holders[group][rank] = candidate
        devices[candidate].formUnion(shapes[group].devices)
        claims[candidate] += groupClaims[group]
    }

    mutating func release(rank: Int, of group: Int) {
        guard let candidate = holders[group][rank] else { return }
        holders[group][rank] = nil
        devices[candidate].subtract(shapes[group].devices)
        claims[candidate].removeAll { groupClaims[group].contains($0) }
    }

    /// Gives the ranks of a group to the same candidates, in the configured order.
    mutating func sortRanks(of group: Int) {
        holders[group] = holders[group].compactMap { $0 }.sorted()
    }

    /// What the engines on a node bind.
    func claims(on candidate: Int) -> [PortClaim] { claims[candidate] }

    /// Candidates that hold at least one rank.
    var occupied: Set<Int> {
        Set(holders.joined().compactMap { $0 })
    }

    func usableRanks(of group: Int) -> Int {
        holders[group].count { $0.map { candidates[$0].keepsRanks } ?? false }
    }
}
