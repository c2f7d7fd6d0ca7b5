// A simulated cluster in the hands of a test: it settles, something is done to it, and the test looks at
// what it says and what runs.

import Base
import ClusterState
import Consensus
import Node
import Planning
import Supervision
import Testing
import WireProtocol

@testable import Simulation

/// The published shapes that the tests use.
enum Shape: String {
    /// prefill-0 and decode-0 of two nodes each.
    case onePrefill = "glm-5.1-w4a8-1p1d-32p-in64k-out1k-50ms"
    /// prefill-0 and prefill-1 of two nodes each, and decode-0 of two.
    case twoPrefills = "glm-5.1-w4a8-2p1d-48p-in128k-out1k-prefix90-50ms"
    /// prefill-0 of two nodes, and decode-0 of four.
    case wideDecode = "glm-5.1-w4a8-1p1d-48p-in65k-out1k5-prefix100-33ms"
    /// Four prefill groups of one node each, and decode-0 of two.
    case fourPrefills = "glm-5.1-w4a8-4p1d-48p-in64k-out1k-prefix90-50ms"
}

struct Cluster {
    /// One engine that runs.
    struct Process: Hashable {
        let shard: ShardID
        let node: String
        let processID: Int32
    }

    /// Not there yet, or not any more.
    struct Missing: Error {
        let what: String
    }

    var simulation: ClusterSimulation

    /// A cluster whose agents start, if not told otherwise.
    init(
        _ shape: Shape, nodes: Int, seed: UInt64 = 1, starts: Bool = true,
        _ change: (inout SimulationConfiguration) -> Void = { _ in }
    ) throws {
        var configuration = try SimulationConfiguration.scenario(
            seed: seed, profileName: shape.rawValue, nodeCount: nodes, asPublished: true)
        configuration.newcomerCount = 0
        configuration.slowExaminationChance = 0
        configuration.obstacleChance = 0
        change(&configuration)
        simulation = ClusterSimulation(configuration, keepsTranscript: true)
        if starts { simulation.start() }
    }

    // MARK: - Time

    /// Goes on until everything serves.
    mutating func settle(
        within limit: Duration = .seconds(60), sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let converged = simulation.advance(upTo: limit) { $0.hasConverged }
        #expect(converged, "\(simulation.missing)\n\(story)", sourceLocation: sourceLocation)
        #expect(simulation.invariants.violation == nil, sourceLocation: sourceLocation)
    }

    mutating func pass(_ duration: Duration, sourceLocation: SourceLocation = #_sourceLocation) {
        simulation.advance(to: simulation.now + duration)
        let violation = simulation.invariants.violation
        #expect(violation == nil, "\(story)", sourceLocation: sourceLocation)
    }

    /// Goes on until something is so.
    mutating func wait(
        _ limit: Duration = .seconds(30), sourceLocation: SourceLocation = #_sourceLocation,
        until isSo: (Cluster) -> Bool
    ) {
        let end = simulation.now + limit
        while simulation.now < end, !isSo(self) {
            pass(.milliseconds(100), sourceLocation: sourceLocation)
        }
        #expect(isSo(self), "\(simulation.missing)\n\(story)", sourceLocation: sourceLocation)
    }

    /// What happened, for reading.
    var story: String { simulation.transcript.suffix(60).joined(separator: "\n") }

    // MARK: - What is

    var indices: Range<Int> { simulation.nodes.indices }

    func name(_ index: Int) -> String { simulation.nodes[index].node.name }

    func index(_ node: String) -> Int { simulation.indexOfNode[NodeID(node)] ?? 0 }

    var leader: Int? {
        indices.first { simulation.machines[$0]?.consensus.role == .leader }
    }

    /// A node that runs, and does not lead.
    var follower: Int {
        indices.first { simulation.machines[$0] != nil && $0 != leader } ?? 0
    }

    /// A node that runs nothing.
    var spare: Int {
        indices.first { index in !processes.contains { $0.node == name(index) } } ?? 0
    }

    func machine(_ index: Int) throws -> NodeMachine {
        guard let machine = simulation.machines[index] else { throw Missing(what: name(index)) }
        return machine
    }

    /// How many proposals the node has made of which nothing is known yet.
    func openProposals(of index: Int) throws -> Int {
        var sizes = Sizes()
        sizes.add(try machine(index), at: "")
        return try #require(sizes.counts["#requests.proposals"])
    }

    func status(_ index: Int) throws -> ClusterStatus {
        try machine(index).status(at: simulation.now, wall: simulation.wall(of: index))
    }

    func group(_ name: String, by index: Int) throws -> ClusterStatus.Group {
        guard let group = try status(index).groups.first(where: { $0.name == name }) else {
            throw Missing(what: name)
        }
        return group
    }

    var processes: Set<Process> {
        Set(
            indices.flatMap { index in
                simulation.hosts[index].engines.map {
                    Process(shard: $0.key, node: name(index), processID: $0.value.processID)
                }
            })
    }

    /// The engine of a rank of a group's newest generation; nil where it does not run.
    func engine(_ group: String, rank: Int) -> SimulatedHost.Engine? {
        let running = indices.flatMap { simulation.hosts[$0].engines }.filter {
            $0.key.group.name == group && $0.key.rank.value == rank
        }
        return running.max { $0.key < $1.key }?.value
    }

    func processes(of group: String) -> Set<Process> {
        processes.filter { $0.shard.group.name == group }
    }

    func processes(outside group: String) -> Set<Process> {
        processes.filter { $0.shard.group.name != group }
    }

    /// The nodes of a group's ranks, as planned.
    func nodes(of group: String) throws -> [Int] {
        let plan = simulation.machines.compactMap { $0 }.first?.state.plan
        guard let group = plan?.groups.first(where: { $0.name.name == group }) else {
            throw Missing(what: group)
        }
        return group.ranks.map { index($0.node.name) }
    }

    var launches: Int { simulation.counters["launches"] ?? 0 }

    // MARK: - What is done

    mutating func killShard(_ group: String, rank: Int) throws {
        let victim = try #require(
            processes(of: group).first { $0.shard.rank.value == rank }, "\(story)")
        simulation.queue.schedule(
            .engineEnds(index(victim.node), victim.shard, .signal(9)), at: simulation.now)
    }

    /// Asks an agent, and waits for its answer.
    mutating func ask(_ index: Int, _ request: OperatorRequest) throws -> PeerAnswer {
        if case .propose(.stop(let group)) = request {
            simulation.invariants.operatorTouched(group)
        } else if case .propose(.restart(let group)) = request {
            simulation.invariants.operatorTouched(group)
        }
        let id = simulation.ask(index, request)
        simulation.advance(upTo: .seconds(20)) { $0.answers[id] != nil }
        return try #require(simulation.answers[id], "\(story)")
    }
}

extension PeerAnswer {
    var isAccepted: Bool {
        if case .accepted = self { true } else { false }
    }

    var refusal: Refusal? {
        if case .refused(let refusal, _, _) = self { refusal } else { nil }
    }
}
