// The times and bounds of one consensus machine. The relations between them matter more than the
// values: an election must not start because a single heartbeat came late.

import Base

/// How a consensus machine times and bounds its work. The same on every node of a cluster.
public struct RaftConfiguration: Hashable, Sendable {
    /// How often a leader speaks to everyone.
    public var heartbeatInterval: Duration
    /// How long a node waits without a leader before it asks for votes, drawn anew each time. The
    /// lower bound is also how long a leader lasts without a majority, and how long a node that
    /// heard a leader refuses to vote.
    public var electionTimeout: ClosedRange<Duration>
    /// How long a node waits before it asks for votes when membership says that the leader is
    /// gone. It only needs to spread the nodes over a few round trips.
    public var suspectedLeaderWait: ClosedRange<Duration>
    /// Payload bytes in one append. One entry is always sent, however large.
    public var appendBytesLimit: Int
    /// Appends on their way to one follower that have not been answered.
    public var appendsInFlightLimit: Int
    /// Entries that a leader takes beyond the commit index before it refuses proposals.
    public var uncommittedEntriesLimit: UInt64

    /// The defaults: a killed leader is replaced within two to three seconds, or within half a
    /// second where membership notices the kill.
    public init(
        heartbeatInterval: Duration = .milliseconds(250),
        electionTimeout: ClosedRange<Duration> = .seconds(1)...(.seconds(2)),
        suspectedLeaderWait: ClosedRange<Duration> = .milliseconds(50)...(.milliseconds(250)),
        appendBytesLimit: Int = 256 * 1024,
        appendsInFlightLimit: Int = 16,
        uncommittedEntriesLimit: UInt64 = 4096
    ) {
        invariant(
            heartbeatInterval > .zero && heartbeatInterval * 3 <= electionTimeout.lowerBound,
            "three heartbeats (\(heartbeatInterval) each) must fit into the shortest election "
                + "timeout (\(electionTimeout.lowerBound))")
        invariant(
            appendBytesLimit > 0 && appendsInFlightLimit > 0 && uncommittedEntriesLimit > 0,
            "the bounds must be positive")
        self.heartbeatInterval = heartbeatInterval
        self.electionTimeout = electionTimeout
        self.suspectedLeaderWait = suspectedLeaderWait
        self.appendBytesLimit = appendBytesLimit
        self.appendsInFlightLimit = appendsInFlightLimit
        self.uncommittedEntriesLimit = uncommittedEntriesLimit
    }
}
