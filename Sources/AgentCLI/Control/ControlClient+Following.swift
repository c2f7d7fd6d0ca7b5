// What is followed goes on over every stop and start of the agent that is asked: it is asked again until
// it answers, and what was shown already is not shown twice.

import Base
import Glibc
import HTTP

extension ControlClient {
    /// Follows a stream until it ends in order, or for ever where its end says only that the agent stops.
    /// - Parameters:
    ///   - isEndless: whether an end in order is no end of what is followed.
    ///   - path: the question, made anew each time.
    ///   - onBegin: told each time the agent has taken the question.
    ///   - onLoss: told with a line for people when the agent has gone away.
    ///   - onText: given what comes.
    /// - Throws: ``ControlError`` where the first question got no answer, or where none helps.
    func follow(
        isEndless: Bool, _ path: () -> ControlPath,
        onBegin: @escaping (HTTPResponseHead) -> Void, onLoss: (String) -> Void,
        onText: @escaping (String) -> Void
    ) throws(ControlError) {
        var hasBegun = false
        var isLost = false
        // An agent that has just started may not know yet what is agreed.
        var refusals = 0
        while true {
            do throws(ControlError) {
                try stream(
                    path(),
                    onBegin: {
                        hasBegun = true
                        isLost = false
                        refusals = 0
                        onBegin($0)
                    }, onText: onText)
                guard isEndless else { return }
            } catch {
                if case .refused = error { refusals += 1 }
                guard hasBegun, error.mayPass, refusals < Self.refusalLimit else { throw error }
            }
            if !isLost {
                onLoss("the agent at \(socket) has gone away; waits for it")
                isLost = true
            }
            usleep(UInt32(clamping: followPause.nanoseconds / 1000))
        }
    }

    private static let refusalLimit = 60
}

/// What of a log was shown, so that its last lines, read again, show the rest alone.
struct ShownLog {
    /// So many lines are taken for a place in a log: fewer may be there twice.
    private static let contextLines = 8
    /// The last whole lines that were shown.
    private var context: [Substring] = []
    /// What was shown of a line whose end has not come.
    private var partial: Substring = ""

    private var isEmpty: Bool { context.isEmpty && partial.isEmpty }

    mutating func show(_ text: String) {
        var lines = (partial + text).split(separator: "\n", omittingEmptySubsequences: false)
        partial = lines.popLast() ?? ""
        context = Array((context + lines).suffix(Self.contextLines))
    }

    /// What of the last lines of the log comes after what was shown; all of it where they do not meet.
    func rest(of tail: String) -> String {
        guard !isEmpty else { return tail }
        let lines = tail.split(separator: "\n", omittingEmptySubsequences: false)
        let ends = stride(from: lines.count - 1, through: context.count, by: -1)
        guard
            let end = ends.first(where: { lines[($0 - context.count)..<$0].elementsEqual(context) })
        else { return tail }
        let rest = lines[end...].joined(separator: "\n")
        return rest.hasPrefix(partial) ? String(rest.dropFirst(partial.count)) : rest
    }
}

/// The log of a shard as it is followed: each stream begins with last lines, some of which were shown.
final class FollowedLog {
    private var shown = ShownLog()
    /// The last lines that the stream begins with, as far as they have come.
    private var tail = ""
    private var tailBytes = 0

    /// A stream begins.
    func begin(_ head: HTTPResponseHead) {
        tail = ""
        tailBytes = head.headers["Tail-Bytes"].flatMap { Int($0) } ?? 0
    }

    /// - Returns: what of it is new.
    func take(_ text: String) -> String {
        guard tail.utf8.count < tailBytes else { return note(text) }
        tail += text
        guard tail.utf8.count >= tailBytes else { return "" }
        let end = tail.utf8.index(tail.startIndex, offsetBy: tailBytes)
        return note(shown.rest(of: String(tail[..<end])) + tail[end...])
    }

    private func note(_ new: String) -> String {
        shown.show(new)
        return new
    }
}

@available(*, unavailable) extension FollowedLog: Sendable {}
