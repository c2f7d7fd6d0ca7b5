// One shard under test: inputs go in at a time of the test's own, and what it wants is kept.

import Base
import Supervision

struct ShardDriver {
    static let policy = SupervisionPolicy()
    static let wallStart: Int64 = 1_795_547_128_120

    private(set) var machine: ShardMachine
    private(set) var now = Instant.zero
    /// What the last input led to.
    private(set) var actions: [ShardAction] = []

    init(rank: Int = 0, policy: SupervisionPolicy = policy) {
        let shard = ShardID(
            group: GroupName("prefill-0"), generation: Generation(1), rank: NodeRank(rank))
        machine = ShardMachine(
            shard: shard, policy: policy,
            wall: WallTime(millisecondsSinceEpoch: Self.wallStart))
    }

    var report: ShardReport { machine.report }
    var state: ShardState { machine.report.state }

    /// What it wants done, without the word that its report changed.
    var wanted: [ShardAction] { actions.filter { $0 != .changed } }

    mutating func take(_ inputs: ShardInput...) {
        for input in inputs {
            actions = []
            let wall = Self.wallStart + now.nanoseconds / 1_000_000
            machine.step(
                input, at: now, wall: WallTime(millisecondsSinceEpoch: wall), into: &actions)
        }
    }

    /// Lets time go by, with a tick at the end of it.
    mutating func wait(_ duration: Duration) {
        now = now + duration
        take(.tick)
    }

    /// Goes to the machine's own deadline; false where it has none.
    mutating func waitForDeadline() -> Bool {
        guard let deadline = machine.nextDeadline else { return false }
        now = max(now, deadline)
        take(.tick)
        return true
    }

    /// Answers every probe alike for a time; returns the states on the way.
    mutating func answer(_ result: ProbeResult, for duration: Duration) -> [ShardState] {
        let end = now + duration
        var states = [state]
        while let deadline = machine.nextDeadline, deadline <= end {
            now = max(now, deadline)
            take(.tick)
            if wanted.contains(where: { if case .probe = $0 { true } else { false } }) {
                take(.probed(result))
            }
            if states.last != state { states.append(state) }
        }
        now = end
        return states
    }

    static func loading(
        rank: Int = 0, policy: SupervisionPolicy = policy
    ) -> ShardDriver {
        var driver = ShardDriver(rank: rank, policy: policy)
        driver.take(.begin, .portsChecked(conflict: nil), .started(processID: 4711))
        return driver
    }

    static func ready(_ policy: SupervisionPolicy = policy) -> ShardDriver {
        var driver = loading(policy: policy)
        driver.take(.tick, .probed(.answers))
        return driver
    }
}
