// A disk that takes seconds for a flush keeps this node's votes and copies waiting, and with them perhaps the
// cluster: it is told while it lasts and for some minutes after, in the log and in `status`. One that hangs is
// given up by the store.

import Base
import EventLoop
import Node
import Storage

extension Agent {
    /// How long operators are told of a slow write after it.
    private static let slowNoteLasts = Duration.seconds(300)
    /// How long the log is silent after a line on slow writes.
    private static let slowLogPause = Duration.seconds(60)

    func diskIsSlow(_ write: SlowWrite) {
        let text: String
        switch write {
        case .lasts(let time):
            // One text for one write, or every second of it would be news to the cluster.
            let since = slowWriteSince ?? loop.wallTime + (.zero - time)
            slowWriteSince = since
            slowNoteTimer = nil
            text = "a write to \(store.directory) has been under way since \(since)"
        case .over(let time):
            slowWriteSince = nil
            slowNoteTimer = loop.after(Self.slowNoteLasts) { [weak self] in self?.note(.disk, []) }
            text = "a write to \(store.directory) took \(time.millisecondsRoundedUp) ms"
        }
        let note = "slow disk: \(text); this node's votes and copies wait for it"
        self.note(.disk, [note], logs: false)
        guard loop.now >= slowLogDue else { return }
        slowLogDue = loop.now + Self.slowLogPause
        log(.warning, "\(text): see what else uses that disk")
    }
}
