// Majorities. Two majorities of the same voters share a voter, and so do two majorities of voter
// sets that differ in one voter: everything that Raft promises rests on that. The one question
// asked here is "which value has a majority reached?", for votes, for log positions, for rounds of
// reads and for points in time.

public import Base

/// The nodes that vote, and what a majority of them is.
public struct Quorum: Hashable, Sendable {
    /// In order of name. Empty only on a node that waits to be taken into a cluster.
    public let voters: [NodeID]

    /// - Parameter voters: repeated names count once.
    public init(voters: [NodeID]) {
        self.voters = Set(voters).sorted()
    }

    /// How many voters a majority needs: 2 of 3, 3 of 4, 3 of 5, 4 of 6.
    public var size: Int { voters.count / 2 + 1 }

    public func contains(_ node: NodeID) -> Bool {
        voters.contains(node)
    }

    /// The largest value that a majority of the voters has reached or passed. There must be a
    /// voter, as there is wherever there is a leader.
    func reachedByMajority<Value: Comparable>(_ value: (NodeID) -> Value) -> Value {
        invariant(!voters.isEmpty, "a majority of no voters was asked for")
        return voters.map(value).sorted(by: >)[size - 1]
    }

    /// True if a majority of the voters is among these nodes.
    func isReached(by nodes: Set<NodeID>) -> Bool {
        voters.count(where: nodes.contains) >= size
    }
}
