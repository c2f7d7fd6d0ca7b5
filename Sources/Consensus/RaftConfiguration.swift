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
    /// Bytes of one command; what is proposed beyond would not fit into a frame.
    public var commandBytesLimit: Int
    /// Bytes of a snapshot's state in one message. A longer state goes in pieces.
    public var snapshotPieceBytesLimit: Int
    /// Bytes of a snapshot's state that are ever taken from a leader.
    public var snapshotBytesLimit: Int
    /// Entries that stay in memory although a snapshot stands for them, so that a node that is a
    /// little behind needs no snapshot.
    public var tailEntriesLimit: Int
    /// Entries that a learner may lack and still be made a voter.
    public var promotionLagLimit: UInt64
    /// Reads that wait for their round; more are refused.
    public var readsLimit: Int

    /// The defaults: a killed leader is replaced within two to three seconds, or within half a
    /// second where membership notices the kill.
    public init(
        heartbeatInterval: Duration = .milliseconds(150),
        electionTimeout: ClosedRange<Duration> = .seconds(1)...(.seconds(2)),
        suspectedLeaderWait: ClosedRange<Duration> = .milliseconds(50)...(.milliseconds(250)),
        appendBytesLimit: Int = 256 * 1024,
        appendsInFlightLimit: Int = 16,
        uncommittedEntriesLimit: UInt64 = 4096,
        commandBytesLimit: Int = 2 * 1024 * 1024,
        snapshotPieceBytesLimit: Int = 1024 * 1024,
        snapshotBytesLimit: Int = 256 * 1024 * 1024,
        tailEntriesLimit: Int = 256,
        promotionLagLimit: UInt64 = 64,
        readsLimit: Int = 1024
    ) {
        invariant(
            heartbeatInterval > .zero && heartbeatInterval * 3 <= electionTimeout.lowerBound,
            "three heartbeats (\(heartbeatInterval) each) must fit into the shortest election "
                + "timeout (\(electionTimeout.lowerBound))")
        invariant(
            appendBytesLimit > 0 && appendsInFlightLimit > 0 && uncommittedEntriesLimit > 0
                && commandBytesLimit > 0 && snapshotPieceBytesLimit > 0 && readsLimit > 0
                && snapshotBytesLimit >= snapshotPieceBytesLimit && tailEntriesLimit >= 0,
            "the bounds must be positive, and a snapshot as long as a piece of one")
        self.heartbeatInterval = heartbeatInterval
        self.electionTimeout = electionTimeout
        self.suspectedLeaderWait = suspectedLeaderWait
        self.appendBytesLimit = appendBytesLimit
        self.appendsInFlightLimit = appendsInFlightLimit
        self.uncommittedEntriesLimit = uncommittedEntriesLimit
        self.commandBytesLimit = commandBytesLimit
        self.snapshotPieceBytesLimit = snapshotPieceBytesLimit
        self.snapshotBytesLimit = snapshotBytesLimit
        self.tailEntriesLimit = tailEntriesLimit
        self.promotionLagLimit = promotionLagLimit
        self.readsLimit = readsLimit
    }
}
