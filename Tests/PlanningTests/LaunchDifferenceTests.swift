// What differs between two launches, as an operator reads it before anything is done.

import Base
import Planning
import Profiles
import Testing

@Suite struct LaunchDifferenceTests {
    private func spec(
        _ environment: [(String, String)], _ argv: [String], unset: [String] = []
    ) -> LaunchSpec {
        LaunchSpec(
            node: NodeID("n1"), group: GroupName("prefill-0"), role: .prefill, rank: .master,
            environment: environment.map { EnvironmentVariable($0.0, $0.1) }, unset: unset,
            source: [], argv: argv, host: .none)
    }

    @Test func `equal launches differ in nothing`() {
        let one = spec([("A", "1")], ["python3", "-m", "x"])
        #expect(LaunchDifference(one, one).isEmpty)
    }

    @Test func `a changed value, an added flag and a removed one stand with what is before them`() {
        let old = spec([("A", "1"), ("B", "2")], ["x", "--size", "64", "--old", "--end"])
        let new = spec([("A", "1"), ("B", "3")], ["x", "--size", "128", "--end", "--new"])
        let difference = LaunchDifference(old, new)
        #expect(
            difference.environment.map(\.json) == [
                ["after": "A=1", "old": ["B=2"], "new": ["B=3"]]
            ])
        #expect(
            difference.arguments.map(\.json) == [
                ["after": "--size", "old": ["64", "--old"], "new": ["128"]],
                ["after": "--end", "old": [], "new": ["--new"]],
            ])
        #expect(difference.host.isEmpty)
    }

    @Test func `order counts, and what is unset is told`() {
        let old = spec([("A", "1"), ("B", "2")], ["x"])
        let new = spec([("B", "2"), ("A", "1")], ["x"], unset: ["http_proxy"])
        let difference = LaunchDifference(old, new)
        #expect(!difference.environment.isEmpty)
        #expect(difference.host.map(\.new) == [["unset http_proxy"]])
    }

    @Test func `of a launch that is not there everything differs`() {
        let new = spec([("A", "1")], ["x", "y"])
        #expect(LaunchDifference(nil, new).arguments.map(\.new) == [["x", "y"]])
        #expect(LaunchDifference(new, nil).environment.map(\.old) == [["A=1"]])
        #expect(LaunchDifference(nil, nil).isEmpty)
    }

    @Test(arguments: UInt64(0)..<50)
    func `the changes turn the one into the other`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let words = { (generator: inout SeededGenerator) in
            (0..<Int.random(in: 0...8, using: &generator)).map { _ in
                ["a", "b", "c"].randomElement(using: &generator) ?? ""
            }
        }
        let (old, new) = (words(&generator), words(&generator))
        let changes = LaunchDifference(spec([], old), spec([], new)).arguments
        let left = changes.flatMap(\.old).count
        let right = changes.flatMap(\.new).count
        #expect(old.count - left == new.count - right, "\(old) \(new) \(changes)")
    }
}
