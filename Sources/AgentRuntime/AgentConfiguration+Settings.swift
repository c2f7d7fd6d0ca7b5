// What the leader goes by of its own file. The log agrees on the deployment and the nodes, and on none of this: so every
// node tells when it would lead otherwise.

import Base
import Supervision
import WireProtocol

extension AgentConfiguration {
    /// Named as in the file. What each node decides for itself is not among it: its isolation, and the findings
    /// that it lets through its launch gate.
    var settings: [FileSetting] {
        let times: [(name: String, time: Duration)] = [
            ("load_limit", supervision.loadLimit), ("load_stall", supervision.loadStall),
            ("stop_grace", supervision.stopGrace), ("stable_view", supervision.stableView),
            ("unresponsive_after", supervision.unresponsiveAfter),
            ("obstacle_limit", supervision.obstacleLimit),
            ("backoff_initial", supervision.backoff.initial),
            ("backoff_limit", supervision.backoff.limit),
            ("settle_after", supervision.settleAfter), ("plan_grace", planGrace),
        ]
        return times.map { FileSetting("timing.\($0.name)", $0.time.asInFile) } + [
            FileSetting("timing.restart_budget", "\(supervision.restartBudget)"),
            FileSetting("launch_gate.always", "\(launchGate.gatesCommands)"),
            FileSetting("preflight", preflight.rawValue),
        ]
    }
}

extension Duration {
    /// As it may stand in a configuration: `15s`, `300ms`.
    fileprivate var asInFile: String {
        let milliseconds = nanoseconds / 1_000_000
        return milliseconds % 1000 == 0 ? "\(milliseconds / 1000)s" : "\(milliseconds)ms"
    }
}
