// When a majority of the voters is lost for ever, nothing can be agreed on again: consensus has no
// way out of that by itself, and must not have one. The operator has: a surviving node goes on
// alone with what it has. What it does not have is lost, and if the lost majority is not lost after
// all, there are two clusters. So this is for one explicit, loudly warned command, and the state
// directories of all other nodes are to be emptied before they are added again.

public import Base

extension DurableState {
    /// The terms that may have passed among the lost nodes after this one was last told; a term
    /// beyond them keeps their entries apart from those to come.
    private static let skippedTerms: UInt64 = 1 << 20

    /// The state with which the node, alone, is the only voter of its cluster. All that is in its
    /// log counts as agreed on once it has been started, also what no majority had, and so do the commands,
    /// which tell the application.
    public func recovered(asOnlyVoter node: NodeID, commands: [[UInt8]] = []) -> DurableState {
        guard let participants = Participants(voters: [node]) else { return self }
        var state = self
        let term = Term(hardState.term.value + Self.skippedTerms)
        // Its own vote, so that nobody else is ever elected in that term.
        state.hardState = HardState(term: term, votedFor: node)
        state.entries.append(
            LogEntry(index: lastIndex.next, term: term, payload: .participants(participants)))
        for command in commands {
            state.entries.append(
                LogEntry(index: state.lastIndex.next, term: term, payload: .command(command)))
        }
        return state
    }

    /// The participants that a node with this state is bound by; nil where its log has none.
    public var participants: Participants? {
        RaftLog(snapshot: snapshot, entries: entries).participants?.participants
    }
}
