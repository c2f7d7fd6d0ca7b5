// Which faults a seed throws in, and how often. Every seed draws a mix of its own, with about half of
// the kinds: many bugs show only where their faults are not drowned by others, and where what would
// mend them is missing (Groce, Zhang, Eide, Chen, Regehr: "Swarm Testing", ISSTA 2012).

import Base

/// The kinds of faults of one history, and their weights.
struct FaultMix: Sendable {
    private let drawn: [Fault.Kind]
    private let longestPause: Duration

    /// One mix in four has everything, in the usual weights.
    init(using generator: inout SeededGenerator, without unwanted: Set<Fault.Kind> = []) {
        longestPause = [.seconds(1), .seconds(5)].randomElement(using: &generator) ?? .seconds(5)
        var kinds = Fault.Kind.mixed
        if !generator.chance(0.25) { kinds = kinds.filter { _ in generator.chance(0.5) } }
        if kinds.isEmpty { kinds = [.agentCrash] }
        let isUsual = kinds.count == Fault.Kind.mixed.count
        drawn = kinds.flatMap { kind in
            let factor = isUsual ? 1 : 1 << Int.random(in: 0...3, using: &generator)
            let count = unwanted.contains(kind) ? 0 : kind.weight * factor
            return Array(repeating: kind, count: count)
        }
    }

    /// What goes wrong from a time on, for a while.
    func faults(
        from start: Duration, for period: Duration, nodeCount: Int,
        using generator: inout SeededGenerator
    ) -> [Fault] {
        var faults: [Fault] = []
        var at = start
        while at < start + period {
            faults.append(fault(at: at, nodeCount: nodeCount, using: &generator))
            at += Self.milliseconds(in: 100...longestPause.wholeMilliseconds, using: &generator)
        }
        return faults
    }

    /// The same with quiet between, long enough for what has failed to be up again.
    func spells(
        from start: Duration, for period: Duration, nodeCount: Int,
        using generator: inout SeededGenerator
    ) -> [Fault] {
        var faults: [Fault] = []
        var at = start
        while at < start + period {
            let lasts = min(
                Self.milliseconds(in: 5000...90_000, using: &generator), start + period - at)
            faults += self.faults(from: at, for: lasts, nodeCount: nodeCount, using: &generator)
            at += lasts + Self.milliseconds(in: 5000...240_000, using: &generator)
        }
        return faults
    }

    /// What operators do to nodes, in one history of three.
    static func maintenance(
        from start: Duration, for period: Duration, nodeCount: Int, seed: UInt64
    ) -> [Fault] {
        var generator = SeededGenerator(seed: seed ^ 0xD4A1)
        guard generator.chance(0.34) else { return [] }
        return (0..<Int.random(in: 1...4, using: &generator)).map { _ in
            let kinds: [Fault.Kind] = [.cordon, .drain, .drain, .forcedDrain]
            return Fault(
                kind: kinds.randomElement(using: &generator) ?? .drain,
                at: start + milliseconds(in: 0...period.wholeMilliseconds / 2, using: &generator),
                lasts: milliseconds(in: 1000...15_000, using: &generator),
                nodes: [Int.random(in: 0..<nodeCount, using: &generator)],
                choice: generator.next() >> 40)
        }
    }

    /// Spells in which frames repeat and overtake one another, in one history of four.
    static func disorder(from start: Duration, for period: Duration, seed: UInt64) -> [Fault] {
        var generator = SeededGenerator(seed: seed ^ 0x0D15)
        guard generator.chance(0.25) else { return [] }
        return (0..<Int.random(in: 1...3, using: &generator)).map { _ in
            Fault(
                kind: .disorder,
                at: start + milliseconds(in: 0...period.wholeMilliseconds, using: &generator),
                lasts: milliseconds(in: 1000...12_000, using: &generator), nodes: [], choice: 0)
        }
    }

    /// Agents of an older version, in one history of six: some nodes begin with one, and are upgraded sooner or
    /// later.
    static func olderAgents(until end: Duration, nodeCount: Int, seed: UInt64) -> [Fault] {
        var generator = SeededGenerator(seed: seed ^ 0x01DE)
        guard generator.chance(0.17) else { return [] }
        let choice = generator.next() >> 40
        return (0..<nodeCount).filter { _ in generator.chance(0.4) }.map { node in
            Fault(
                kind: .olderAgent, at: .zero,
                lasts: milliseconds(in: 1000...end.wholeMilliseconds * 3 / 2, using: &generator),
                nodes: [node], choice: choice)
        }
    }

    private func fault(
        at: Duration, nodeCount: Int, using generator: inout SeededGenerator
    ) -> Fault {
        let kind = drawn.randomElement(using: &generator) ?? .agentCrash
        let index = Int.random(in: 0..<nodeCount, using: &generator)
        let others = (0..<nodeCount).filter { $0 != index }
        let nodes: [Int] =
            switch kind {
            case .powerCut, .lossySpell, .disorder, .engineKill, .engineWedge, .newFile,
                .officeStorm,
                .voteStorm, .nodeJoins:
                []
            case .partition: (0..<nodeCount).filter { _ in generator.chance(0.4) }
            case .oneWayCut: [index] + others.filter { _ in generator.chance(0.5) }
            case .agentCrash, .agentFlap, .hostCrash, .slowSender, .pause, .clockJump, .slowDisk,
                .otherVersion, .olderAgent, .writeCrash, .diskLoss, .bitFlip, .fullDisk,
                .operatorStop,
                .operatorRestart, .logRequest, .hastyQuestion, .nodeLeaves, .nodeReplaced,
                .voterMoves, .cordon, .drain, .forcedDrain:
                [index]
            }
        let lasts = Self.milliseconds(in: 500...12_000, using: &generator)
        let choice = generator.next() >> 40
        return Fault(kind: kind, at: at, lasts: lasts, nodes: nodes, choice: choice)
    }

    private static func milliseconds(
        in range: ClosedRange<Int64>, using generator: inout SeededGenerator
    ) -> Duration {
        .milliseconds(Int64.random(in: range, using: &generator))
    }
}
