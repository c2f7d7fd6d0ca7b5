// How patient supervision is. Loading takes up to half an hour and more, so only two things end a
// generation quickly: a process that has ended, and an engine that served and does not answer.

public import Base

/// The limits of supervision. Protocols/supervision.md tells which the configuration may set.
public struct SupervisionPolicy: Hashable, Sendable {
    /// How often rank 0 is asked whether it serves yet.
    public var readinessInterval: Duration = .seconds(1)
    /// How often a serving rank 0 is asked for a token.
    public var livenessInterval: Duration = .seconds(5)
    /// How long one answer may take. SGLang itself waits 20 s for the token of its health check before
    /// it says 503, so a shorter limit takes a busy engine for a dead one.
    public var probeLimit: Duration = .seconds(25)
    /// How long liveness may fail without a break. SGLang itself takes 20 s to answer 503.
    public var unresponsiveAfter: Duration = .seconds(60)
    /// How long a shard may take from its start until it serves.
    public var loadLimit: Duration = .seconds(45 * 60)
    /// How long a load that has moved may stand still, on all ranks of its group.
    public var loadStall: Duration = .seconds(600)
    /// How long a shard may take to end by SIGTERM, before SIGKILL.
    public var stopGrace: Duration = .seconds(20)
    /// How often ports that are taken are looked at again.
    public var portRetry: Duration = .seconds(1)
    /// How long dies and ports may be in the way of a launch before an operator is called. A driver
    /// takes seconds to give memory back.
    public var obstacleLimit: Duration = .seconds(300)
    /// How long before a launch that is delayed the launch gate begins to look.
    public var gateLead: Duration = .seconds(10)
    /// How long a node must be gone before its group is taken to be broken although nothing else
    /// says so: a flap, or a restart of the agent, must restart nothing.
    public var stableView: Duration = .seconds(15)
    /// How long the first exit of a generation waits for others, so that the first is named.
    public var collectWindow: Duration = .milliseconds(300)
    /// The wait before a launch that follows failures.
    public var backoff = Backoff(initial: .seconds(5), limit: .seconds(600))
    /// Failures in a row after which a group is given up.
    public var restartBudget = 5
    /// How long a generation must serve until its failures are forgiven.
    public var settleAfter: Duration = .seconds(300)

    public init() {}
}
