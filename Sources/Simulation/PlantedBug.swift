// Bugs of the world around the node, planted on purpose: a watch that has never been seen to bark is
// no watch. The tests show that the invariants find every one of them.

/// What a faulty shell, disk or host would do to a node that is itself in order.
enum PlantedBug: String, CaseIterable {
    /// The disk comes back empty.
    case losesDisk
    /// The disk comes back with the term of a vote and without the vote.
    case losesVote
    /// The disk comes back without its last entry, and nobody notices.
    case losesLastEntry
    /// The disk comes back with another entry in the place of its last one: a checksum would tell.
    case corruptsEntry
    /// The agent comes back with the disk of another node.
    case copiesDisk
    /// The store says "on disk" before the flush.
    case confirmsBeforeFlush
    /// A stop is confirmed, and the engine goes on, on ports that seem free.
    case stopIsNoStop
    /// Nothing on the host remembers that a shard has ended.
    case forgetsEndedShards
    /// Engines end with their agent, as children of a careless supervisor would.
    case enginesDieWithAgent
    /// The shell starts at once what ran before the agent's end, whatever was agreed since.
    case startsBeforeCatchingUp
    /// An older agent says that it can read what it cannot.
    case claimsToRead
    /// The probe of a wedged engine says that it serves.
    case wedgedEnginePasses
}
