// Majorities. Two majorities of the same voters share a voter: everything that Raft promises rests
// on that. The one question asked here is "which value has a majority reached?", for votes, for
// log positions and for points in time.

public import Base

/// The nodes that vote, and what a majority of them is.
public struct Quorum: Hashable, Sendable {
    /// In order of name.
    public let voters: [NodeID]

    /// - Parameter voters: at least one; repeated names count once.
    public init(voters: [NodeID]) {
        invariant(!voters.isEmpty, "a cluster needs a voter")
        self.voters = Set(voters).sorted()
    }

    /// How many voters a majority needs: 2 of 3, 3 of 4, 3 of 5, 4 of 6.
    public var size: Int { voters.count / 2 + 1 }

    public func contains(_ node: NodeID) -> Bool {
        voters.contains(node)
    }

    /// The largest value that a majority of the voters has reached or passed.
    func reachedByMajority<Value: Comparable>(_ value: (NodeID) -> Value) -> Value {
        voters.map(value).sorted(by: >)[size - 1]
    }

    /// True if a majority of the voters is among these nodes.
    func isReached(by nodes: Set<NodeID>) -> Bool {
        voters.count(where: nodes.contains) >= size
    }
}
