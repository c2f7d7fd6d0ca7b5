// One cluster for hours, or a day: other faults every half hour, quiet between them, and some agents that never
// end. At the end of every period all must be whole again, and at the end of all, nothing in any node may have
// grown (`GrowthWatch`): what a history of half a minute cannot show.

import Base
import ClusterState
import Node

extension SimulationConfiguration {
    /// The same cluster for a long history: every third agent lives all along, and snapshots travel often.
    public mutating func endures() {
        faults = []
        survivors = Set(0..<max(1, nodeCount / 3))
        (logLimit, tailEntriesLimit) = (8, 4)
    }
}

extension ClusterSimulation {
    /// As long as a mix of faults lasts.
    public static let mixPeriod = Duration.seconds(1800)
    /// At the end of each, so long without faults; less where periods are short.
    private static let quietEnd = Duration.seconds(240)
    /// What operators mend when all is over, they have mended by then.
    private static let mendingTime = Duration.seconds(60)

    /// Lives through so much time, and tells how far it is after every period.
    public mutating func endure(
        _ length: Duration, period: Duration = mixPeriod, tell: (Duration) -> Void = { _ in }
    ) -> SimulationResult {
        var generator = SeededGenerator(seed: configuration.seed ^ 0xDA7)
        var growth = GrowthWatch(
            looks: max(1, Int(length.nanoseconds / period.nanoseconds)), bounds: bounds)
        start()
        if keepsCoverage { sample() }
        advance(to: faultsBegin)
        for _ in 0..<growth.looks {
            liveThrough(period, using: &generator)
            if let sentence = growth.look(at: sizes) { invariants.broken(sentence) }
            guard invariants.violation == nil else { break }
            tell(now - .zero)
        }
        counters["collections and texts watched"] = growth.pathCount
        return result
    }

    private mutating func liveThrough(
        _ period: Duration, using generator: inout SeededGenerator
    ) {
        invariants.excusesNothingMore()
        let end = now + period
        configuration.faultPeriod = period - min(Self.quietEnd, period / 2)
        drawFaults(using: &generator)
        for fault in configuration.faults { queue.schedule(.fault(fault), at: .zero + fault.at) }
        let faultsEnd = faultsBegin + configuration.faultPeriod
        queue.schedule(.endOfFaults, at: faultsEnd)
        advance(to: faultsEnd)
        findTogether()
        let launches = counters["launches"]
        advance(to: max(end, faultsEnd + Self.mendingTime))
        // A probe may be late just now.
        let isWhole = advance(upTo: ClusterSimulation.probeLimit * 2) { $0.hasConverged }
        if counters["launches"] != launches || !isWhole {
            invariants.broken("the cluster was quiet and did not stay as it was: \(missing)")
        }
    }

    /// A new file ends every agent that reads it, and so comes only in short histories.
    private mutating func drawFaults(using generator: inout SeededGenerator) {
        faultsOn = true
        faultsBegin = now
        let (start, period) = (now - .zero, configuration.faultPeriod)
        let mix = FaultMix(using: &generator, without: [.newFile])
        configuration.faults = mix.spells(
            from: start, for: period, nodeCount: nodes.count, using: &generator)
        configuration.faults += FaultMix.maintenance(
            from: start, for: period, nodeCount: configuration.nodeCount, seed: generator.next())
        configuration.faults += FaultMix.disorder(from: start, for: period, seed: generator.next())
    }

    // MARK: - Growth

    /// Of every machine, and of what shards leave behind on a host.
    private var sizes: Sizes {
        var sizes = Sizes()
        for machine in machines.compactMap({ $0 }) { sizes.add(machine, at: "") }
        for host in hosts { sizes.add(host.ended, at: "host.ended") }
        return sizes
    }

    /// What is remembered up to a limit of its own.
    private var bounds: [String: Int] {
        [
            "state.ledger": ReplicatedState.ledgerLimit,
            "state.restartLedger.records": RestartLedger.limit,
            "state.roster.departures": Roster.departureLimit,
            // All that is in it is counted by itself.
            "consensus.log.snapshot.state":
                (ReplicatedState.ledgerLimit + RestartLedger.limit) * 1024,
            // The tail before the snapshot, what has come since, and what is not agreed yet.
            "consensus.log.entries":
                configuration.tailEntriesLimit + Int(configuration.logLimit) + 64,
        ]
    }
}
