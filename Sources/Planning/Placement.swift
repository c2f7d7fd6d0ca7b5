// Which candidate holds which rank: a value that the search of `Planner` copies and tries. A node
// takes ranks of several groups only while their devices and their ports are different.

import Base
import Profiles

struct Placement {
    let candidates: [Candidate]
    /// By group in the order of the shapes, by rank: the candidate's index, nil while it is open.
    private(set) var holders: [[Int?]]
    private let shapes: [GroupShape]
    private let ignoresPorts: Bool
    private var devices: [Set<Int>]
    private var claims: [[PortClaim]]

    init(shapes: [GroupShape], candidates: [Candidate], ignoresPorts: Bool = false) {
        self.shapes = shapes
        self.candidates = candidates
        self.ignoresPorts = ignoresPorts
        holders = shapes.map { Array(repeating: nil, count: $0.nodes) }
        devices = Array(repeating: [], count: candidates.count)
        claims = Array(repeating: [], count: candidates.count)
    }

    /// Whether the candidate has the devices and ports of the group free, whatever its rank.
    func hasRoom(_ candidate: Int, for group: Int) -> Bool {
        let shape = shapes[group]
        guard !holders[group].contains(candidate),
            devices[candidate].isDisjoint(with: shape.devices)
        else { return false }
        return ignoresPorts
            || shape.claims(ofMaster: true).collision(with: claims[candidate]) == nil
    }

    mutating func assign(_ candidate: Int, to rank: Int, of group: Int) {
        precondition(holders[group][rank] == nil, "\(shapes[group].name) rank \(rank) is held")
        holders[group][rank] = candidate
        devices[candidate].formUnion(shapes[group].devices)
        claims[candidate] += shapes[group].claims(ofMaster: true)
    }

    mutating func release(rank: Int, of group: Int) {
        guard let candidate = holders[group][rank] else { return }
        holders[group][rank] = nil
        devices[candidate].subtract(shapes[group].devices)
        let released = shapes[group].claims(ofMaster: true)
        claims[candidate].removeAll { released.contains($0) }
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
        holders[group].count { $0.map { candidates[$0].isUsable } ?? false }
    }
}
