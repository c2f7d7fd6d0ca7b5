// One thing that goes wrong, as a value: drawn from a seed, read from a scenario file, taken out by the
// shrinker. What a fault decides beside its place and time comes from its own choice, so that taking
// one fault out of a history changes no other.

import Base

/// Something that goes wrong at a time.
public struct Fault: Hashable, Sendable {
    /// What may go wrong.
    public enum Kind: String, CaseIterable, Sendable {
        case agentCrash = "agent crashes"
        case agentFlap = "agent flaps"
        case hostCrash = "host crashes"
        case powerCut = "power cuts"
        case partition = "partitions"
        case oneWayCut = "one-way cuts"
        case lossySpell = "lossy spells"
        case disorder = "frames repeat and overtake"
        case slowSender = "slow senders"
        case pause = "pauses"
        case clockJump = "clock jumps"
        case slowDisk = "slow disks"
        case writeCrash = "crashes at a write"
        case diskLoss = "disks are lost"
        case bitFlip = "bits flip"
        case fullDisk = "disks are full"
        case officeStorm = "leaders fall"
        case voteStorm = "voters fall"
        case engineKill = "engine kills"
        case engineWedge = "engine wedges"
        case operatorStop = "operator stops"
        case operatorRestart = "operator restarts"
        case logRequest = "log requests"
        case otherVersion = "other versions"
        case olderAgent = "older agents"
        case hastyQuestion = "hasty questions"
        case newFile = "new files"
        case nodeLeaves = "nodes leave"
        case nodeJoins = "nodes join"
        case nodeReplaced = "nodes are replaced"
        case voterMoves = "votes are moved"
        case cordon = "nodes cordoned"
        case drain = "nodes drained"
        case forcedDrain = "nodes drained by force"

        /// What operators do to nodes comes beside the mix of a history: it needs spares, and half of a
        /// cluster under maintenance would hide what else happens.
        var isMaintenance: Bool { self == .cordon || self == .drain || self == .forcedDrain }

        /// What the mixes are drawn from. Disorder comes beside them too: it ends no stream and stops
        /// nothing, so it drowns no other fault. Older agents are there from the start.
        static let mixed = allCases.filter {
            !$0.isMaintenance && $0 != .disorder && $0 != .olderAgent
        }

        /// Whether the agent of the node that is struck ends. A power cut and storms strike nobody by name.
        var endsAgent: Bool {
            switch self {
            case .agentCrash, .agentFlap, .hostCrash, .writeCrash, .otherVersion, .diskLoss,
                .bitFlip, .fullDisk, .hastyQuestion, .nodeReplaced, .olderAgent:
                true
            case .powerCut, .officeStorm, .voteStorm, .newFile, .partition, .oneWayCut, .lossySpell,
                .disorder, .slowSender, .pause, .clockJump, .slowDisk, .engineKill, .engineWedge,
                .operatorStop, .operatorRestart, .logRequest, .nodeLeaves, .nodeJoins, .voterMoves,
                .cordon, .drain, .forcedDrain:
                false
            }
        }

        /// How often it comes, against the others, where a mix does not say otherwise.
        var weight: Int {
            switch self {
            case .agentCrash, .partition, .engineKill: 4
            case .hostCrash, .agentFlap, .oneWayCut, .pause, .lossySpell, .writeCrash: 3
            case .engineWedge, .slowDisk, .diskLoss, .bitFlip, .fullDisk, .operatorStop,
                .operatorRestart, .logRequest, .slowSender, .nodeLeaves, .nodeJoins, .nodeReplaced,
                .voterMoves:
                2
            case .powerCut, .otherVersion, .newFile, .clockJump, .officeStorm, .voteStorm,
                .disorder, .hastyQuestion, .olderAgent, .cordon, .drain, .forcedDrain:
                1
            }
        }
    }

    public var kind: Kind
    /// Since the start; whole milliseconds, so that it can be written down.
    public var at: Duration
    /// How long until it is mended.
    public var lasts: Duration
    /// Whom it strikes, by index: one side of a partition; for a one-way cut the sender, then those
    /// who hear nothing. Empty where it strikes all or none.
    public var nodes: [Int]
    /// Decides what is left to decide, as which engine falls.
    public var choice: UInt64

    var generator: SeededGenerator { SeededGenerator(seed: choice) }
}

extension Fault: CustomStringConvertible {
    /// `at 7132 ms: partitions; nodes 1 3; for 3500 ms; choice 7`, nodes counted from 1.
    public var description: String {
        let names = nodes.map { " \($0 + 1)" }.joined()
        return "at \(at.wholeMilliseconds) ms: \(kind.rawValue)"
            + (nodes.isEmpty ? "" : "; nodes\(names)")
            + "; for \(lasts.wholeMilliseconds) ms; choice \(choice)"
    }

    /// A fault as its description says it; nil where the line says something else.
    init?(line: some StringProtocol) {
        guard line.hasPrefix("at "), let colon = line.firstIndex(of: ":"),
            let at = Self.milliseconds(line[line.startIndex..<colon].dropFirst(3))
        else { return nil }
        let parts = line[colon...].dropFirst().split(separator: ";").map { part in
            part.split(separator: " ")
        }
        guard let name = parts.first, let kind = Kind(rawValue: name.joined(separator: " "))
        else { return nil }
        self.init(kind: kind, at: at, lasts: .zero, nodes: [], choice: 0)
        for part in parts.dropFirst() {
            switch part.first {
            case "nodes":
                nodes = part.dropFirst().compactMap { Int($0) }.filter { $0 > 0 }.map { $0 - 1 }
                guard nodes.count == part.count - 1 else { return nil }
            case "for":
                guard let lasts = Self.milliseconds(part.dropFirst().joined(separator: " "))
                else { return nil }
                self.lasts = lasts
            case "choice":
                guard let choice = part.last.flatMap({ UInt64($0) }) else { return nil }
                self.choice = choice
            default: return nil
            }
        }
    }

    private static func milliseconds(_ text: some StringProtocol) -> Duration? {
        let words = text.split(separator: " ")
        guard words.count == 2, words[1] == "ms", let count = Int64(words[0]), count >= 0,
            count < 1 << 40
        else { return nil }
        return .milliseconds(count)
    }
}

extension Duration {
    var wholeMilliseconds: Int64 { nanoseconds / 1_000_000 }
}
