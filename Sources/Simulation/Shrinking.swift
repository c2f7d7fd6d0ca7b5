// A failing history made small: fewer faults by delta debugging (Zeller, Hildebrandt: "Simplifying and
// Isolating Failure-Inducing Input", 2002), then fewer nodes, shorter faults and less time. Whatever
// still breaks an invariant of the same kind is kept; what remains is a story that can be read.

import Base
import Profiles

/// Makes failing histories smaller.
public struct Shrinker {
    /// The smallest history so far that fails.
    public private(set) var smallest: SimulationConfiguration
    public private(set) var violation: String
    /// How many histories were run.
    public private(set) var runs = 0
    private let runLimit: Int
    private let kind: String

    /// After `runLimit` histories the smallest so far is good enough.
    public init(_ failing: SimulationConfiguration, violation: String, runLimit: Int = 400) {
        smallest = failing
        self.violation = violation
        self.runLimit = runLimit
        kind = Self.kind(of: violation)
    }

    public mutating func run() {
        endEarlier()
        removeFaults()
        removeNodes()
        shorten()
        removeFaults()
    }

    /// Two sentences are of one kind if they differ only in names and numbers.
    static func kind(of violation: String) -> String {
        let words = violation.prefix { $0 != ":" }.split(separator: " ")
        return words.filter { word in !word.contains { $0.isNumber || $0 == "-" } }
            .prefix(8).joined(separator: " ")
    }

    /// Takes the history for the smallest if it fails in the same way.
    private mutating func accepts(_ candidate: SimulationConfiguration) -> Bool {
        guard runs < runLimit else { return false }
        runs += 1
        var simulation = ClusterSimulation(candidate)
        guard let violation = simulation.run().violation, Self.kind(of: violation) == kind
        else { return false }
        smallest = candidate
        self.violation = violation
        return true
    }

    /// What comes after the failure is no part of it.
    private mutating func endEarlier() {
        var simulation = ClusterSimulation(smallest)
        let end = simulation.run().simulated
        var candidate = smallest
        candidate.faults.removeAll { $0.at > end }
        if end < smallest.quietStart + smallest.faultPeriod {
            let rest = end - smallest.quietStart + .milliseconds(100)
            candidate.faultPeriod = .milliseconds(max(rest.wholeMilliseconds, 0))
        }
        _ = accepts(candidate)
    }

    /// Leaves out ever smaller parts of the faults, until no single one can go.
    private mutating func removeFaults() {
        var size = max(smallest.faults.count / 2, 1)
        while !smallest.faults.isEmpty {
            var start = 0
            var hasShrunk = false
            while start < smallest.faults.count {
                var candidate = smallest
                let end = min(start + size, candidate.faults.count)
                candidate.faults.removeSubrange(start..<end)
                if accepts(candidate) {
                    hasShrunk = true
                } else {
                    start += size
                }
            }
            if size == 1, !hasShrunk { return }
            size = max(size / 2, 1)
            guard runs < runLimit else { return }
        }
    }

    private mutating func removeNodes() {
        while smallest.nodeCount > 1 {
            var candidate = smallest
            candidate.nodeCount -= 1
            let hostCount = candidate.hostCount
            for index in candidate.faults.indices {
                candidate.faults[index].nodes.removeAll { $0 >= hostCount }
            }
            guard accepts(candidate) else { return }
        }
    }

    /// Shorter faults, one by one, and less time for all of them.
    private mutating func shorten() {
        for index in smallest.faults.indices {
            while smallest.faults[index].lasts > .milliseconds(200) {
                var candidate = smallest
                let half = candidate.faults[index].lasts.wholeMilliseconds / 2
                candidate.faults[index].lasts = .milliseconds(half)
                guard accepts(candidate) else { break }
            }
        }
        while smallest.faultPeriod > .seconds(1) {
            var candidate = smallest
            let shorter = smallest.faultPeriod.wholeMilliseconds * 3 / 4
            candidate.faultPeriod = .milliseconds(shorter)
            guard accepts(candidate) else { return }
        }
    }
}
