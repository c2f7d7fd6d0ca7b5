// A disk that takes seconds for a flush keeps this node's votes and copies waiting, and with them perhaps the
// cluster: it is told while it lasts and for some minutes after, in the log and in `status`.

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
        let text =
            switch write {
            case .lasts(let time):
                "a write to \(store.directory) has been under way for \(time.millisecondsRoundedUp) ms"
            case .over(let time):
                "a write to \(store.directory) took \(time.millisecondsRoundedUp) ms"
            }
        note(.disk, ["slow disk: \(text); this node's votes and copies wait for it"])
        slowNoteTimer = loop.after(Self.slowNoteLasts) { [weak self] in self?.note(.disk, []) }
        guard loop.now >= slowLogDue else { return }
        slowLogDue = loop.now + Self.slowLogPause
        log(.warning, "\(text): see what else uses that disk")
    }
}
