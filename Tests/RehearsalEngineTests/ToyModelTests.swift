import Base
import Testing

@testable import RehearsalEngine

/// Every order of the elements.
private func permutations(_ elements: [Int]) -> [[Int]] {
    guard elements.count > 1 else { return [elements] }
    return elements.indices.flatMap { index in
        var rest = elements
        let first = rest.remove(at: index)
        return permutations(rest).map { [first] + $0 }
    }
}

@Suite struct ToyModelTests {
    private static let prompt = "The quick brown fox jumps over the lazy dog"

    private static func decode(_ nodes: [String]) throws -> WorldShape {
        try WorldShape(
            role: .decode, tensorParallel: 64, expertParallel: 64, dataParallel: 64, nodes: nodes)
    }

    private static func answer(_ shape: WorldShape, tokens: Int = 16) -> String {
        KnownAnswer.expected(
            prompt: prompt, maxTokens: tokens, prefill: nil, decodeOrMixed: shape)
    }

    @Test func `the answer never changes from one build to the next`() throws {
        let shape = try WorldShape(
            role: .mixed, tensorParallel: 4, expertParallel: 4, nodes: ["10.0.0.1"])
        #expect(Self.answer(shape, tokens: 6) == "lunar vapor birch birch frost gorge")
    }

    @Test func `a shorter answer is the beginning of a longer one`() throws {
        let shape = try Self.decode(["a", "b", "c", "d"])
        #expect(Self.answer(shape, tokens: 20).hasPrefix(Self.answer(shape, tokens: 7) + " "))
    }

    @Test func `every order of four nodes has an answer of its own`() throws {
        let nodes = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]
        let answers = try permutations([0, 1, 2, 3]).map { order in
            Self.answer(try Self.decode(order.map { nodes[$0] }))
        }
        #expect(Set(answers).count == answers.count)
    }

    @Test func `a world asked for ranks that sit elsewhere refuses`() throws {
        let shape = try Self.decode(["a", "b", "c", "d"])
        let right = ToyWorld(shape: shape)
        let work = try #require(ToySequence(prompt: Self.prompt, tokenLimit: 1).work)
        #expect(right.compute(work) != nil)
        for order in permutations([0, 1, 2, 3]) where order != [0, 1, 2, 3] {
            let wrong = ToyWorld(shape: shape, nodes: order.map { right.nodes[$0] })
            #expect(wrong.compute(work) == nil, "order \(order)")
        }
    }

    @Test func `every size and the role change the answer`() throws {
        let nodes = ["a", "b"]
        let shapes = [
            try WorldShape(role: .mixed, tensorParallel: 8, expertParallel: 8, nodes: nodes),
            try WorldShape(role: .decode, tensorParallel: 8, expertParallel: 8, nodes: nodes),
            try WorldShape(role: .mixed, tensorParallel: 16, expertParallel: 8, nodes: nodes),
            try WorldShape(role: .mixed, tensorParallel: 8, expertParallel: 4, nodes: nodes),
            try WorldShape(role: .mixed, tensorParallel: 8, expertParallel: 8, nodes: ["a"]),
            try WorldShape(
                role: .mixed, tensorParallel: 8, pipelineParallel: 2, expertParallel: 8,
                nodes: nodes),
            try WorldShape(
                role: .mixed, tensorParallel: 8, expertParallel: 8, dataParallel: 2, nodes: nodes),
            try WorldShape(
                role: .mixed, tensorParallel: 8, expertParallel: 8, attentionContextParallel: 2,
                nodes: nodes),
        ]
        #expect(Set(shapes.map(\.digest)).count == shapes.count)
        #expect(Set(shapes.map { Self.answer($0) }).count == shapes.count)
    }

    @Test func `both worlds of a disaggregated answer count`() throws {
        let prefills = try ["p", "q"].map { node throws in
            try WorldShape(role: .prefill, tensorParallel: 4, expertParallel: 4, nodes: [node])
        }
        let decodes = try ["d", "e"].map { try Self.decode([$0, "x"]) }
        let answers = prefills.flatMap { prefill in
            decodes.map {
                KnownAnswer.expected(
                    prompt: Self.prompt, maxTokens: 8, prefill: prefill, decodeOrMixed: $0)
            }
        }
        #expect(Set(answers).count == 4)
    }

    @Test(arguments: [1, 63, 64, 65, 1000])
    func `every word of a prompt counts`(length: Int) throws {
        let shape = try WorldShape(
            role: .mixed, tensorParallel: 2, expertParallel: 2, nodes: ["a"])
        let words = (0..<length).map { "w\($0)" }
        func answer(_ words: [String]) -> String {
            KnownAnswer.expected(
                prompt: words.joined(separator: " "), maxTokens: 12, prefill: nil,
                decodeOrMixed: shape)
        }
        let whole = answer(words)
        for index in Set([0, length / 2, length - 1]) {
            var changed = words
            changed[index] = "other"
            #expect(answer(changed) != whole, "word \(index)")
        }
    }

    @Test func `worlds that cannot be laid out are refused`() {
        #expect(throws: ArgumentError.self) {
            try WorldShape(role: .mixed, tensorParallel: 3, expertParallel: 1, nodes: ["a", "b"])
        }
        #expect(throws: ArgumentError.self) {
            try WorldShape(role: .mixed, tensorParallel: 4, expertParallel: 3, nodes: ["a"])
        }
        #expect(throws: ArgumentError.self) {
            try WorldShape(
                role: .mixed, tensorParallel: 1, pipelineParallel: 9, expertParallel: 1,
                nodes: ["a"])
        }
    }
}
