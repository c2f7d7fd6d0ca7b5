// A profile is an operator's text: whatever it says, it is refused with a reason or it can be placed,
// launched and rendered. Nothing of it may trap.

import Base
import Planning
import Profiles
import Testing

@Suite struct MutatedProfileTests {
    private static let values = [
        "null", "0", "1", "2", "65535", "-1", "[]", "{}", "[[0], [1]]", "[1, x]", "true", "false",
        "\"{rank}\"", "\"{store}\"", "\"{nope}\"", "\"\"", "\"\\0\"", "x: y",
        "{value: 1, after: --port}",
        "99999999999999999999", "é", "[0, 1, 2, 3, 4, 5, 6, 7]",
    ]

    @Test(arguments: UInt64(1)...150)
    func `a damaged profile is refused or works`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let name = ProfileCatalog.names[
            Int.random(in: 0..<ProfileCatalog.names.count, using: &random)]
        guard let profile = try? ProfileCatalog.profile(named: name) else {
            Issue.record("\(name) does not read")
            return
        }
        var lines = profile.yaml.split(separator: "\n").map(String.init)
        for _ in 0...Int.random(in: 0...2, using: &random) { damage(&lines, &random) }
        let text = lines.joined(separator: "\n")
        guard let damaged = try? Profile.parse(text, file: "seed-\(seed).yaml") else { return }
        #expect((try? Profile.parse(damaged.yaml, file: "again")) == damaged, "seed \(seed)")
        let count = damaged.groupShapes.map(\.nodes).reduce(0, +)
        let result = Planner.plan(
            profile: damaged, candidates: nodes(count), previous: nil, epoch: Epoch(1))
        guard case .success(let plan) = result else { return }
        let rendered = RenderedPlan(
            profile: damaged, modelPath: "/w", plan: plan, interface: { _ in "eth0" })
        #expect(!rendered.scripts.isEmpty, "seed \(seed)")
    }

    private func damage(_ lines: inout [String], _ random: inout SeededGenerator) {
        let index = Int.random(in: 0..<lines.count, using: &random)
        let parts = lines[index].split(separator: ": ", maxSplits: 1)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: lines.remove(at: index)
        case 1:
            lines.swapAt(index, Int.random(in: 0..<lines.count, using: &random))
        case 2 where parts.count == 2:
            lines[index] = parts[0].dropLast() + "x: " + parts[1]
        default:
            let value = Self.values[Int.random(in: 0..<Self.values.count, using: &random)]
            lines[index] = parts[0] + (parts.count == 2 ? ": " : " ") + value
        }
    }
}
