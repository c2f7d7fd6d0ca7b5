// The processes that do a shard's work. SGLang starts one scheduler for each die that the shard has on
// its node and puts its ranks into its title: `sglang::scheduler_PP1_TP3`. The main process outlives them,
// and goes on answering health checks, so a supervisor must know how many there should be.

/// The schedulers of one shard.
public struct SchedulerLayout: Hashable, Sendable {
    /// The dies that the shard has on its node, in the order in which SGLang gives them out.
    public let dies: [Int]
    /// How many tensor ranks of one pipeline stage are on a node; nil where the titles do not tell
    /// which die is whose.
    public let tensorPerNode: Int?

    public init(dies: [Int], tensorPerNode: Int?) {
        self.dies = dies
        self.tensorPerNode = tensorPerNode
    }

    /// How many there must be.
    public var count: Int { dies.count }

    /// The die that a scheduler drives, by the ranks in its title (`PP1 TP3`); nil where they do not
    /// tell. The order is that of SGLang's `_launch_scheduler_processes`.
    public func die(ofRanks title: String) -> Int? {
        guard let tensorPerNode, (1...max(1, count)).contains(tensorPerNode) else { return nil }
        var ranks: [Substring: Int] = [:]
        for word in title.split(whereSeparator: { $0 == " " || $0 == "_" }) {
            let name = word.prefix { $0.isLetter }
            ranks[name] = Int(word.dropFirst(name.count)).flatMap {
                (0...65536).contains($0) ? $0 : nil
            }
        }
        let tensor = ranks["TP"] ?? 0
        let stage = (ranks["PP"] ?? 0) % max(1, count / tensorPerNode)
        let index = stage * tensorPerNode + tensor % tensorPerNode
        return dies.indices.contains(index) ? dies[index] : nil
    }
}

extension Profile {
    /// The schedulers that every node of a group has.
    public func schedulers(of role: RoleProfile, group index: Int) -> SchedulerLayout {
        let arguments = arguments(of: role)
        func size(_ names: [String]) -> Int {
            arguments.first { names.contains($0.flag) }?.values.first.flatMap { Int($0) } ?? 1
        }
        let dies = role.devices.devices(ofGroup: index)
        let sharesAttention = !Self.dpAttention.isDisjoint(with: arguments.map(\.flag))
        let hasReplicas = size(RoleValidation.data) > 1 && !sharesAttention
        let stages = max(1, size(RoleValidation.pipeline) / max(1, role.nodes))
        return SchedulerLayout(dies: dies, tensorPerNode: hasReplicas ? nil : dies.count / stages)
    }
}
