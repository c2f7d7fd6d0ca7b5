// The table of bounds in Protocols/membership.md, as formulas over the configuration, and the network
// that has to keep them in every size from 2 to 16.

import Base
import Membership
import Testing

/// How long it may take until the last member concerned believes what happened.
struct Bounds {
    let configuration = SwimConfiguration.standard
    let nodeCount: Int
    /// From sending a message to its arrival, at most.
    let latency: Duration

    /// `silent` members are heard no more by `observers` others, who hear each other.
    func silence(of silent: Int, observers: Int) -> Duration {
        let firstFailed = wait(observers: observers) + configuration.probeTimeout
        let alarm = silent > 1 ? configuration.probeTimeout : .zero
        return firstFailed + alarm + stay(observers: observers) + slack
    }

    /// Until one of the observers' probes meets the silence: the order of probes is fixed, and at
    /// worst all other observers come before the first silent member.
    private func wait(observers: Int) -> Duration {
        let perRound = configuration.probesPerInterval
        return configuration.probeInterval * ((observers + perRound - 1) / perRound)
    }

    /// Until a suspicion ends that each of the observers shares.
    private func stay(observers: Int) -> Duration {
        let longest = configuration.suspicionMaximum
        let saving = longest - configuration.suspicionMinimum
        let expected = min(configuration.confirmationCount, nodeCount - 2)
        let confirmations = min(observers - 1, expected)
        switch (confirmations, expected) {
        case (0, _): return longest
        case (1, 2): return longest - saving * 2 / 3
        default: return longest - saving
        }
    }

    /// The first observer of a crash waits to be sure, the others ask before they believe it.
    var crash: Duration {
        configuration.goneConfirmation + configuration.urgentTimeout + latency * 4
    }

    /// One probe may be stretched by one point of local health, since answers that crossed the cut
    /// look like those of a slow node; and the news of the death travel.
    private var slack: Duration { configuration.probeTimeout / 2 + latency * 4 }
}

/// Every fault that the table has a row for.
enum Fault: CaseIterable {
    case agentCrash, agentCrashSeenByOne, hostCrash, stop, partition, onlyHears, onlySpeaks
}

@Suite struct BoundTests {
    static let seeds = UInt64(1)...5

    /// Node 0 is the one that suffers; of a partition it and as many more as the seed says.
    private struct Incident {
        let network: SimulatedNetwork
        let bounds: Bounds
        let cutOff: [Int]
        let others: [Int]

        init(_ nodeCount: Int, _ fault: Fault, seed: UInt64) {
            network = DetectionTests.formed(nodeCount, seed)
            bounds = Bounds(nodeCount: nodeCount, latency: network.latency.upperBound)
            let half = fault == .partition ? UInt64(nodeCount / 2) : 1
            let count = Int(1 + seed % half)
            cutOff = Array(0..<count)
            others = Array(count..<nodeCount)
        }

        func begin(_ fault: Fault) {
            switch fault {
            case .agentCrash: network.crash(0)
            case .agentCrashSeenByOne: network.crash(0, seenBy: [1])
            case .hostCrash: network.crash(0, seenBy: [])
            case .stop: network.pause(0)
            case .partition: network.partition(0..<cutOff.count)
            case .onlyHears: for other in others { network.cut(from: 0, to: other) }
            case .onlySpeaks: for other in others { network.cut(from: other, to: 0) }
            }
        }

        /// Until the others know, and until the cut off know; nil where nobody is there to know.
        func limits(_ fault: Fault) -> (others: Duration, cutOff: Duration?) {
            let seen = bounds.silence(of: cutOff.count, observers: others.count)
            let noticed = bounds.silence(of: others.count, observers: cutOff.count)
            switch fault {
            case .agentCrash, .agentCrashSeenByOne: return (bounds.crash, nil)
            case .hostCrash, .stop: return (seen, nil)
            case .partition, .onlyHears, .onlySpeaks: return (seen, noticed)
            }
        }
    }

    @Test(arguments: 2...16, Fault.allCases)
    func `every fault is seen on both sides within its bound`(nodeCount: Int, fault: Fault) {
        for seed in Self.seeds {
            let incident = Incident(nodeCount, fault, seed: seed)
            let (network, others, cutOff) = (incident.network, incident.others, incident.cutOff)
            let limits = incident.limits(fault)
            let start = network.now
            incident.begin(fault)
            var seen: Duration?
            var noticed: Duration?
            _ = network.time(
                until: {
                    if seen == nil, network.all(others, see: .dead, of: cutOff) {
                        seen = network.now - start
                    }
                    if noticed == nil, network.all(cutOff, see: .dead, of: others) {
                        noticed = network.now - start
                    }
                    return seen != nil && (limits.cutOff == nil || noticed != nil)
                }, limit: .seconds(12))
            #expect((seen ?? .seconds(99)) <= limits.others, "seed \(seed): \(seen as Any)")
            if let limit = limits.cutOff {
                #expect((noticed ?? .seconds(99)) <= limit, "seed \(seed): \(noticed as Any)")
                #expect(cutOff.allSatisfy { network.isIsolated($0) }, "seed \(seed)")
            }
            #expect(network.deaths(of: others, seenBy: others).isEmpty, "seed \(seed)")
            #expect(network.deaths(of: cutOff, seenBy: cutOff).isEmpty, "seed \(seed)")
        }
    }
}
