import Base
import Membership
import Testing

/// What members say of themselves reaches everybody, and the newest word stands.
@Suite struct MetadataTests {
    private func word(_ number: Int) throws -> MemberMetadata {
        try #require(MemberMetadata([UInt8(truncatingIfNeeded: number), 7]))
    }

    private func metadata(
        of node: Int, seenBy observer: Int, _ network: SimulatedNetwork
    ) -> MemberMetadata? {
        network.members(seenBy: observer).first { $0.node == network.names[node] }?.metadata
    }

    private func everybodyKnows(
        _ words: [Int: MemberMetadata], _ observers: [Int], _ network: SimulatedNetwork
    ) -> Bool {
        observers.allSatisfy { observer in
            words.allSatisfy { metadata(of: $0.key, seenBy: observer, network) == $0.value }
        }
    }

    @Test func `there is a limit to what a member may say`() {
        #expect(MemberMetadata([UInt8](repeating: 1, count: 256)) != nil)
        #expect(MemberMetadata([UInt8](repeating: 1, count: 257)) == nil)
        #expect(MemberMetadata([]) == MemberMetadata.none)
    }

    @Test(arguments: [2, 4, 7, 16], UInt64(1)...4)
    func `everybody knows within a second`(nodeCount: Int, seed: UInt64) throws {
        let network = DetectionTests.formed(nodeCount, seed)
        var words: [Int: MemberMetadata] = [:]
        for node in 0..<nodeCount {
            words[node] = try word(node)
            network.describe(node, try word(node))
        }
        let time = network.time(
            until: { everybodyKnows(words, Array(0..<nodeCount), network) }, limit: .seconds(5))
        let taken = try #require(time, "seed \(seed)")
        #expect(taken <= .seconds(1), "seed \(seed)")
    }

    @Test func `the same word again is no news`() throws {
        let network = DetectionTests.formed(3, 1)
        network.describe(0, try word(1))
        let incarnation = network.members(seenBy: 0)[0].incarnation
        network.describe(0, try word(1))
        #expect(network.members(seenBy: 0)[0].incarnation == incarnation)
        network.describe(0, try word(2))
        #expect(network.members(seenBy: 0)[0].incarnation > incarnation)
    }

    @Test func `a new life has said nothing yet`() throws {
        let network = DetectionTests.formed(4, 3)
        network.describe(1, try word(1))
        network.run(for: .seconds(1))
        network.crash(1)
        network.run(for: .seconds(2))
        #expect(metadata(of: 1, seenBy: 0, network) == (try word(1)))
        network.start(1)
        network.run(for: .seconds(2))
        #expect((0..<4).allSatisfy { metadata(of: 1, seenBy: $0, network) == MemberMetadata.none })
    }

    @Test func `a suspicion carries the word of the incarnation that it is about`() throws {
        let names = ["a", "b", "c"].map { NodeID($0) }
        var swim = Swim(
            local: names[0], incarnation: Incarnation(9), peers: names, seed: 1, at: .zero)
        var actions: [SwimAction] = []
        func hear(_ state: MemberState, _ incarnation: UInt64, _ metadata: MemberMetadata) {
            let update = MemberUpdate(
                node: names[1], state: state, incarnation: Incarnation(incarnation),
                source: names[2], metadata: metadata)
            swim.step(
                .received(SwimMessage(.gossip, updates: [update]), from: names[2]), at: .zero,
                into: &actions)
        }
        hear(.alive, 5, try word(5))
        hear(.suspect, 7, try word(7))
        #expect(swim.members[1].metadata == (try word(7)))
        hear(.alive, 6, try word(6))
        hear(.alive, 7, try word(8))
        #expect(swim.members[1].metadata == (try word(7)))
    }

    @Test(arguments: [3, 5, 8], UInt64(1)...8)
    func `once the faults end everybody knows the last word of everybody who runs`(
        nodeCount: Int, seed: UInt64
    ) throws {
        let network = DetectionTests.formed(nodeCount, seed)
        var random = SeededGenerator(seed: seed ^ 0x3E7A)
        var words: [Int: MemberMetadata] = [:]
        var born: [Int: Instant] = [:]
        for turn in 0..<60 {
            ChaosTests.disturb(network, &random)
            network.run(for: random.duration(in: .zero...(.milliseconds(800))))
            for node in 0..<nodeCount where network.bornAt(node) > (born[node] ?? .zero) {
                born[node] = network.bornAt(node)
                words[node] = MemberMetadata.none
            }
            let node = Int.random(in: 0..<nodeCount, using: &random)
            guard network.isRunning(node) else { continue }
            words[node] = try word(turn)
            network.describe(node, try word(turn))
        }
        network.loss = 0
        for node in 0..<nodeCount where network.isPaused(node) { network.resume(node) }
        network.heal(newStreams: true)
        network.run(for: .seconds(5))
        let running = (0..<nodeCount).filter { network.isRunning($0) }
        for node in words.keys where !running.contains(node) { words[node] = nil }
        #expect(everybodyKnows(words, running, network), "seed \(seed)")
    }
}
