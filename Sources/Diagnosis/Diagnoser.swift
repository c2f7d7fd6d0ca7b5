// The judgement over all ranks of a group.

public import Base

public enum Diagnoser {
    /// A rank that another blames is looked up by this.
    public typealias AddressBook = [String: NodeRank]

    /// HCCL waits for half an hour by default, so what is older than that is another story.
    static let window: Int64 = 40 * 60 * 1_000_000
    /// An exception that ends an engine does so at once; one long before was survived.
    static let lethalWithin: Int64 = 60 * 1_000_000

    /// - Parameters:
    ///   - sightings: what all ranks said, ends of processes included, in any order.
    ///   - nodes: by rank.
    ///   - addresses: the node ranks by the addresses of their hosts.
    /// - Returns: nil where nobody said anything.
    public static func diagnose(
        _ sightings: [RankSighting], nodes: [NodeID], addresses: AddressBook = [:]
    ) -> FailureDiagnosis? {
        let relevant = relevant(sightings).sorted { key($0) < key($1) }
        let candidates = relevant.filter { $0.role != .consequence }
        guard let first = first(of: candidates.isEmpty ? relevant : candidates) else { return nil }
        let rivals = rivals(of: first, among: candidates)
        let blamed = blamed(by: first, relevant, nodes: nodes, addresses: addresses)
        let rank = blamed?.rank ?? first.rank
        let accused = blamed?.accused
        return FailureDiagnosis(
            kind: first.sighting.kind, rank: rank, node: blamed?.node ?? first.node,
            worldRank: accused.map { $0.worldRanks.first } ?? first.sighting.worldRank,
            die: accused.map(\.die) ?? first.sighting.die, line: first.sighting.line,
            time: first.time, accuser: blamed == nil ? nil : first.rank,
            rivals: rivals.filter { $0 != rank }, echoes: echoes(of: first, among: relevant))
    }

    /// Leaves out what was long over when the first process ended.
    private static func relevant(_ sightings: [RankSighting]) -> [RankSighting] {
        var ends: [NodeRank: Int64] = [:]
        for end in sightings where end.isEnd {
            ends[end.rank] = min(ends[end.rank] ?? .max, end.time.latest)
        }
        let firstEnd = ends.values.min() ?? sightings.map(\.time.latest).max() ?? 0
        // What a rank said before its end is why; then its end is none.
        return sightings.filter { seen in
            guard seen.time.latest >= firstEnd.subtractingClamped(window) else { return false }
            if seen.isEnd {
                return !sightings.contains { $0.rank == seen.rank && explains($0, seen) }
            }
            guard FailureKind.named(seen.sighting.kind).isSurvivable, let end = ends[seen.rank]
            else { return true }
            return seen.time.latest >= end.subtractingClamped(lethalWithin)
        }
    }

    private static func explains(_ said: RankSighting, _ end: RankSighting) -> Bool {
        guard !said.isEnd || said.sighting.kind == FailureKind.schedulerLost.id,
            said.sighting.kind != end.sighting.kind
        else { return false }
        return said.time.earliest <= end.time.latest
            && said.time.latest >= end.time.earliest.subtractingClamped(lethalWithin)
    }

    /// The earliest; of those whose times cannot be told apart from it, the one that says most.
    private static func first(of sorted: [RankSighting]) -> RankSighting? {
        guard let bound = sorted.map(\.time.latest).min() else { return nil }
        return sorted.filter { $0.time.earliest <= bound }
            .min { weight($0) == weight($1) ? key($0) < key($1) : weight($0) < weight($1) }
    }

    private static func rivals(
        of first: RankSighting, among candidates: [RankSighting]
    ) -> [NodeRank] {
        let rivals = candidates.filter {
            $0.rank != first.rank && weight($0) == weight(first)
                && $0.time.earliest <= first.time.latest
        }
        return Set(rivals.map(\.rank)).sorted()
    }

    private static func weight(_ seen: RankSighting) -> Int {
        switch seen.role {
        case .cause: 0
        case .unknown: 1
        case .witness: 2
        case .consequence: 3
        }
    }

    /// Equal for no two things that differ, so that the order is always the same.
    private static func key(_ seen: RankSighting) -> (Int64, Int, String, String) {
        (seen.time.earliest, seen.rank.value, seen.sighting.kind, seen.sighting.line)
    }

    // MARK: - Whom a witness blames

    private struct Blamed {
        let rank: NodeRank
        let node: NodeID
        let accused: Accused
    }

    /// A rank that is blamed by name, by the witness or by another line of its kind, and is not the
    /// witness itself.
    private static func blamed(
        by first: RankSighting, _ relevant: [RankSighting], nodes: [NodeID],
        addresses: AddressBook
    ) -> Blamed? {
        guard first.role == .witness else { return nil }
        let naming = relevant.filter { $0.role == .witness && $0.sighting.accused != nil }
        let own = naming.first { $0.rank == first.rank && $0.sighting.kind == first.sighting.kind }
        guard let accused = (own ?? naming.first)?.sighting.accused,
            let rank = accused.nodeRank.map({ NodeRank($0) })
                ?? accused.address.flatMap({ addresses[$0] }),
            nodes.indices.contains(rank.value)
        else { return nil }
        return Blamed(rank: rank, node: nodes[rank.value], accused: accused)
    }

    // MARK: - The others

    /// The first two things that each other rank said.
    private static func echoes(
        of first: RankSighting, among relevant: [RankSighting]
    ) -> [FailureDiagnosis.Echo] {
        var told: [NodeRank: Int] = [:]
        let others = relevant.filter { seen in
            guard seen.rank != first.rank, told[seen.rank, default: 0] < 2 else { return false }
            told[seen.rank, default: 0] += 1
            return true
        }
        return others.prefix(FailureDiagnosis.echoLimit).map {
            FailureDiagnosis.Echo(
                rank: $0.rank, node: $0.node, kind: $0.sighting.kind, line: $0.sighting.line,
                milliseconds: $0.time.middle.subtractingClamped(first.time.middle) / 1000)
        }
    }
}
