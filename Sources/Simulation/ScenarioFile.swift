// A history as a plain text: who takes part, and what goes wrong when. `glm-agent simulate --scenario`
// runs it; the shrinker writes it; a person may write one to tell a story.

import Base
import Node
import Planning

extension SimulationConfiguration {
    /// The history as text. Reading it gives the same history again.
    public var text: String {
        """
        # glm-agent simulate --scenario FILE runs this history again.
        seed \(seed)
        profile \(deployment.profileName)
        nodes \(nodeCount)
        newcomers \(newcomerCount)
        quiet \(quietStart.wholeMilliseconds) ms
        faults \(faultPeriod.wholeMilliseconds) ms
        converge \(convergenceLimit.wholeMilliseconds) ms
        dial \(dialPatience.wholeMilliseconds) ms
        append \(appendBytesLimit) bytes
        log \(logLimit) entries
        hang \(Int((hangChance * 100).rounded())) %

        """ + (isolation.map { "isolation \($0.wholeMilliseconds) ms\n" } ?? "")
            + (plantedBug.map { "planted \($0.rawValue)\n" } ?? "")
            + faults.map { "\($0)\n" }.joined()
    }

    /// The history that a text tells.
    /// - Throws: which line says nothing that can be understood.
    public init(text: String) throws(ScenarioError) {
        var lines: [(number: Int, words: [Substring], line: Substring)] = []
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated() where !line.isEmpty && !line.hasPrefix("#")
        {
            lines.append((number + 1, line.split(separator: " "), line))
        }
        let word = { (key: String) in
            lines.first { $0.words.first ?? "" == key }?.words.dropFirst().first.map(String.init)
        }
        guard let seed = word("seed").flatMap({ UInt64($0) }), let profile = word("profile"),
            let nodes = word("nodes").flatMap({ Int($0) }), (1...1000).contains(nodes)
        else {
            throw ScenarioError(line: 1, what: "a scenario names its seed, profile and nodes")
        }
        do {
            self = try .scenario(seed: seed, profileName: profile, nodeCount: nodes)
        } catch {
            throw ScenarioError(line: 1, what: "\(error)")
        }
        faults = []
        newcomerCount = 0
        isolation = nil
        for (number, words, line) in lines {
            guard take(words, line) else {
                throw ScenarioError(line: number, what: "cannot be understood: \(line)")
            }
        }
    }

    private mutating func take(_ words: [Substring], _ line: Substring) -> Bool {
        if let fault = Fault(line: line) {
            faults.append(fault)
            return true
        }
        guard words.count >= 2, let key = words.first else { return false }
        if ["profile", "seed", "nodes"].contains(key) { return true }
        if key == "planted" {
            plantedBug = PlantedBug(rawValue: String(words[1]))
            return plantedBug != nil
        }
        guard let number = Int64(words[1]), number >= 0 else { return false }
        switch key {
        case "newcomers": newcomerCount = Int(min(number, 100))
        case "quiet": quietStart = .milliseconds(number)
        case "faults": faultPeriod = .milliseconds(number)
        case "converge": convergenceLimit = .milliseconds(number)
        case "dial": dialPatience = .milliseconds(max(number, 5))
        case "append": appendBytesLimit = Int(max(number, 1))
        case "hang": hangChance = Double(min(number, 100)) / 100
        case "isolation": isolation = .milliseconds(number)
        case "log": logLimit = UInt64(max(number, 1))
        default: return false
        }
        return true
    }
}

/// A scenario that cannot be read.
public struct ScenarioError: Error, CustomStringConvertible {
    public let line: Int
    public let what: String

    public var description: String { "line \(line): \(what)" }
}
