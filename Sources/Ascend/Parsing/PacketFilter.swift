// The packet filter as the kernel has it, from `nft list ruleset` and `iptables -S`: rules stay when the daemon
// that made them has ended, and many hosts load them without one. Only what a packet for this host or from it
// meets is of interest: containers have chains of their own for what is forwarded, and those drop much.

/// What the filter does to packets for this host, or from it.
public struct FilterRule: Hashable, Sendable {
    /// `nft: inet filter input: policy drop`.
    public let text: String
    /// Whether it is for all that no rule before it has let through.
    public let isForAll: Bool

    public init(_ text: String, isForAll: Bool) {
        self.text = text
        self.isForAll = isForAll
    }
}

/// Readers of packet filters.
public enum PacketFilter {
    /// So many rules are told.
    private static let limit = 16

    private struct Chain {
        let name: String
        var isBase = false
        var rules: [FilterRule] = []
        var jumps: [String] = []
    }

    /// `nft list ruleset`. An empty one is an answer, too.
    public static func nftables(_ text: String) throws(ParseError) -> [FilterRule] {
        var chains: [Chain] = []
        var table = ""
        var isInChain = false
        for line in lines(of: text) {
            let words = words(of: line)
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            if first == "table", words.count > 2 {
                (table, isInChain) = ("\(words[1]) \(words[2])", false)
            } else if first == "chain", words.count > 1 {
                chains.append(Chain(name: "\(table) \(words[1])"))
                isInChain = true
            } else if first == "}" {
                isInChain = false
            } else if isInChain {
                readNFT(words, line, table, into: &chains[chains.count - 1])
            } else if table.isEmpty {
                throw ParseError(expected: "the tables of nft", line: line)
            }
        }
        return reached(chains)
    }

    private static func readNFT(
        _ words: [Substring], _ line: Substring, _ table: String, into chain: inout Chain
    ) {
        if words.first == "type" {
            let hook = words.firstIndex(of: "hook").map { words.dropFirst($0 + 1).first }
            chain.isBase = words.contains("filter") && ["input", "output"].contains(hook)
            if words.contains("drop;") {
                chain.rules.append(
                    FilterRule("nft: \(chain.name): policy drop", isForAll: true))
            }
            return
        }
        for (word, target) in zip(words, words.dropFirst()) where ["jump", "goto"].contains(word) {
            chain.jumps.append("\(table) \(target)")
        }
        let verdicts: Set<Substring> = ["drop", "reject"]
        guard words.contains(where: verdicts.contains) else { return }
        // "counter packets 3 bytes 180 drop" is for all as "drop" is.
        let counter: Set<Substring> = ["counter", "packets", "bytes"]
        let condition = words.prefix { !verdicts.contains($0) }
            .filter { !counter.contains($0) && Int($0) == nil }
        chain.rules.append(
            FilterRule("nft: \(chain.name): \(quotable(line))", isForAll: condition.isEmpty))
    }

    /// `iptables -S`.
    public static func iptables(_ text: String) throws(ParseError) -> [FilterRule] {
        var chains: [Chain] = []
        func index(of name: Substring) -> Int {
            if let known = chains.firstIndex(where: { $0.name == name }) { return known }
            chains.append(
                Chain(name: String(name), isBase: name == "INPUT" || name == "OUTPUT"))
            return chains.count - 1
        }
        for line in lines(of: text) {
            let words = words(of: line)
            guard let kind = words.first, !kind.hasPrefix("#") else { continue }
            guard words.count > 1, ["-P", "-N", "-A"].contains(kind) else {
                throw ParseError(expected: "the rules of iptables -S", line: line)
            }
            let chain = index(of: words[1])
            let target = words.firstIndex { $0 == "-j" || $0 == "-g" }
                .flatMap { words.dropFirst($0 + 1).first }
            let text = "iptables: \(quotable(line))"
            if kind == "-P", words.dropFirst(2).first == "DROP" {
                chains[chain].rules.append(FilterRule(text, isForAll: true))
            } else if let target, ["DROP", "REJECT"].contains(target) {
                chains[chain].rules.append(
                    FilterRule(text, isForAll: words.dropFirst(2).first == "-j"))
            } else if let target {
                chains[chain].jumps.append(String(target))
            }
        }
        guard !chains.isEmpty else {
            throw ParseError(expected: "the rules of iptables -S", line: "")
        }
        return reached(chains)
    }

    /// The rules of the base chains and of all chains to which they send packets.
    private static func reached(_ chains: [Chain]) -> [FilterRule] {
        var reached = Set(chains.filter(\.isBase).map(\.name))
        var next = Array(reached)
        while let name = next.popLast() {
            for target in chains.filter({ $0.name == name }).flatMap(\.jumps)
            where reached.insert(target).inserted { next.append(target) }
        }
        return Array(chains.filter { reached.contains($0.name) }.flatMap(\.rules).prefix(limit))
    }
}
