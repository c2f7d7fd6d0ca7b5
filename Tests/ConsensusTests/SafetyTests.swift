// Safety under seeded faults, and convergence after them.

import Base
import Testing

@testable import Consensus

@Suite struct SafetyTests {
    static let seedsPerSize: ClosedRange<UInt64> = 1...40

    /// Timeouts shorter than the slowest messages: elections all the time.
    static let impatient = RaftConfiguration(
        heartbeatInterval: .milliseconds(60),
        electionTimeout: .milliseconds(180)...(.milliseconds(400)), snapshotPieceBytesLimit: 3,
        tailEntriesLimit: 4)

    static let patient = RaftConfiguration(tailEntriesLimit: 0)

    @Test(arguments: [3, 4, 5, 6])
    func `no fault breaks an invariant, and the cluster converges when faults end`(
        voters: Int
    ) throws {
        var (leaders, restored, committed) = (0, 0, 0)
        for seed in Self.seedsPerSize {
            var cluster = SimulatedCluster(
                voters: voters, learners: seed % 3 == 0 ? 1 : 0, seed: seed,
                configuration: seed % 2 == 0 ? Self.patient : Self.impatient)
            do {
                let faults = Faults.random(using: &cluster.generator)
                try disturb(&cluster, faults)
                try converge(&cluster)
            } catch {
                Issue.record(
                    "\(voters) voters, seed \(seed): \(error). Replay: seedsPerSize = \(seed)...\(seed)"
                )
            }
            leaders += cluster.invariants.leaders.count
            restored += cluster.invariants.restoredCount
            committed += cluster.invariants.committed.count
        }
        // The faults must bite, and the clusters work nevertheless, for all this to mean anything.
        let runs = Self.seedsPerSize.count
        #expect(leaders > runs * 2)
        #expect(restored > runs)
        #expect(committed > runs * 40)
    }

    @Test(arguments: [1, 3, 4])
    func `no change of participants or leader breaks an invariant under faults`(voters: Int) throws
    {
        var (changes, transfers, reads, committed) = (0, 0, 0, 0)
        for seed in Self.seedsPerSize {
            var cluster = SimulatedCluster(
                voters: voters, learners: 1, outsiders: 2, seed: seed,
                configuration: seed % 2 == 0 ? Self.patient : Self.impatient)
            do {
                var faults = Faults.random(using: &cluster.generator)
                faults.changeEvery = .milliseconds(seed % 3 == 0 ? 20 : 200)
                faults.transferEvery = .milliseconds(600)
                try disturb(&cluster, faults)
                try converge(&cluster)
            } catch {
                Issue.record(
                    "\(voters) voters, seed \(seed): \(error). Replay: seedsPerSize = \(seed)...\(seed)"
                )
            }
            changes += cluster.changes
            transfers += cluster.transfers
            reads += cluster.readsAnswered
            committed += cluster.invariants.committed.count
        }
        let runs = Self.seedsPerSize.count
        #expect(changes > runs * 10)
        #expect(transfers > runs / 20)
        #expect(reads > runs * 5)
        #expect(committed > runs * 30)
    }

    @Test(arguments: [2, 3, 4, 5])
    func `no lost disk breaks an invariant as long as enough voters remember`(voters: Int) throws {
        var (losses, leaders, committed) = (0, 0, 0)
        for seed in 1...50 as ClosedRange<UInt64> {
            var cluster = SimulatedCluster(
                voters: voters, seed: seed, recordsDisks: true,
                configuration: seed % 2 == 0 ? Self.patient : Self.impatient)
            do {
                var faults = Faults.random(using: &cluster.generator)
                faults.diskLossEvery = .milliseconds(300)
                try disturb(&cluster, faults)
                try converge(&cluster)
            } catch {
                Issue.record("\(voters) voters, seed \(seed): \(error)")
            }
            losses += cluster.losses
            leaders += cluster.invariants.leaders.count
            committed += cluster.invariants.committed.count
        }
        #expect(losses > 50)
        #expect(leaders > 100)
        #expect(committed > 50 * 20)
    }

    private func disturb(_ cluster: inout SimulatedCluster, _ faults: Faults) throws {
        try cluster.run(for: .seconds(3)) { $0.leader != nil }
        cluster.begin(faults)
        for event in [SimulatedCluster.Event.propose, .read] {
            for _ in 0..<120 {
                cluster.schedule(
                    event, after: cluster.generator.duration(in: .zero...(.seconds(6))))
            }
        }
        try cluster.run(for: .seconds(6))
        try cluster.invariants.checkApplied(cluster.hosts)
    }

    private func converge(_ cluster: inout SimulatedCluster) throws {
        let before = cluster.invariants.committed.count
        cluster.calm()
        let elected = try cluster.run(for: .seconds(8)) { $0.leader != nil && $0.agreesOnLeader }
        guard elected != nil else {
            throw InvariantViolation(
                description: "no leader 8 s after the faults ended: \(cluster.states)")
        }
        cluster.schedule(.propose, after: .milliseconds(1500))
        let agreed = try cluster.run(for: .seconds(5)) { cluster in
            let nodes = cluster.participants
            let last = nodes.map { cluster.raft($0)?.lastIndex }
            let applied = nodes.map { cluster.hosts[$0]?.applied.index }
            return cluster.invariants.committed.count > before && Set(last + applied).count == 1
        }
        try cluster.invariants.checkApplied(cluster.hosts)
        guard agreed != nil else {
            throw InvariantViolation(
                description: "no agreement 5 s after a leader was elected: \(cluster.states)")
        }
    }

    @Test(arguments: [3, 4, 5, 6], [false, true])
    func `a killed leader is replaced in three seconds, or half a second if membership noticed`(
        voters: Int, isNoticed: Bool
    ) throws {
        for seed in 1...20 as ClosedRange<UInt64> {
            var cluster = SimulatedCluster(voters: voters, seed: seed)
            try cluster.run(for: .seconds(10)) { $0.leader != nil && $0.agreesOnLeader }
            let old = try #require(cluster.leader, "seed \(seed)")
            cluster.crash(old)
            if isNoticed { cluster.schedule(.suspect(old), after: .milliseconds(20)) }
            let bound: Duration = isNoticed ? .milliseconds(500) : .seconds(3)
            let replaced = try cluster.run(for: bound) { $0.leader != nil }
            #expect(replaced != nil, "voters \(voters), seed \(seed)")
        }
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `on disks that take 400 ms a write the leader stays, and all is agreed on`(seed: UInt64)
        throws
    {
        var cluster = SimulatedCluster(voters: 3, seed: seed)
        let elected = try cluster.run(for: .seconds(10)) { $0.leader != nil && $0.agreesOnLeader }
        try #require(elected != nil)
        cluster.faults.flush = .milliseconds(350)...(.milliseconds(400))
        let (leader, before) = (cluster.leader, cluster.invariants.committed.count)
        for number in 1...100 { cluster.schedule(.propose, after: .milliseconds(100 * number)) }
        try cluster.run(for: .seconds(15))
        #expect(cluster.leader == leader)
        #expect(cluster.invariants.leaders.count == 1)
        #expect(cluster.invariants.committed.count - before >= 100)
    }

    @Test func `the same seed gives the same history`() throws {
        var first = SimulatedCluster(voters: 5, seed: 11)
        var second = SimulatedCluster(voters: 5, seed: 11)
        let faults = Faults.random(using: &first.generator)
        try disturb(&first, faults)
        try disturb(&second, Faults.random(using: &second.generator))
        #expect(first.delivered == second.delivered)
        #expect(
            first.invariants.committed.map(\.digest) == second.invariants.committed.map(\.digest))
        #expect(first.delivered > 100)
    }
}

extension SimulatedCluster {
    fileprivate var states: String {
        nodes.compactMap { raft($0)?.stateForFailure }.joined(separator: "\n")
    }

    fileprivate var agreesOnLeader: Bool {
        participants.allSatisfy { raft($0)?.leader == leader }
    }
}
