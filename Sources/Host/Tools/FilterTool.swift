// Asks the packet filters. Either tool may be there or both, and what one prints the other may print, too:
// iptables of today writes its rules where nft reads them.

import Ascend
import EventLoop

/// Asks nft and iptables of one node.
final class FilterTool {
    private let runner: CommandRunner
    private static let limit = Duration.seconds(5)
    private static let directories = ["/usr/sbin", "/sbin"]

    init(_ runner: CommandRunner) {
        self.runner = runner
    }

    /// - Parameter completion: told once, after this call has returned; `notInstalled` where neither is there.
    func ask(completion: @escaping (Fact<[FilterRule]>) -> Void) {
        ask("nft", ["list", "ruleset"]) { text throws(ParseError) in
            try PacketFilter.nftables(text)
        } told: { [self] nft in
            ask("iptables", ["-S"]) { text throws(ParseError) in
                try PacketFilter.iptables(text)
            } told: {
                completion(Self.joined(nft, $0))
            }
        }
    }

    private func ask(
        _ name: String, _ arguments: [String],
        parse: @escaping (String) throws(ParseError) -> [FilterRule],
        told: @escaping (Fact<[FilterRule]>) -> Void
    ) {
        // The node's own, wherever the agent's PATH leads.
        let places = Self.directories.map { "\($0)/\(name)" }
        guard let tool = runner.find(name, orAt: places, in: [:]) else {
            let gap = Gap(.notInstalled, "nft, iptables", "")
            return runner.loop.soon { told(.unknown(gap)) }
        }
        let line = ([name] + arguments).joined(separator: " ")
        runner.run(tool, arguments, within: Self.limit) { result in
            switch result {
            case .success(let result): told(Fact(line, result.text, parse))
            case .failure(let gap): told(.unknown(gap))
            }
        }
    }

    private static func joined(
        _ one: Fact<[FilterRule]>, _ other: Fact<[FilterRule]>
    ) -> Fact<[FilterRule]> {
        switch (one, other) {
        case (.known(let rules), .known(let more)): .known(rules + more)
        case (.known(let rules), .unknown), (.unknown, .known(let rules)): .known(rules)
        case (.unknown(let gap), .unknown) where gap.kind != .notInstalled: .unknown(gap)
        case (.unknown, .unknown(let gap)): .unknown(gap)
        }
    }
}

@available(*, unavailable) extension FilterTool: Sendable {}
