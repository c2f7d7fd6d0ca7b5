// Following a log wherever it is written, from one generation of its rank to the next: a group that
// stops and starts again goes on in the log of another shard, whose file comes after its launch.

import Base
import EventLoop
import HTTP
import Node
import WireProtocol

/// Somebody who reads on in a log. It lives as long as its timer, which ends with the stream.
final class LogStream {
    private static let interval = Duration.milliseconds(500)
    private let loop: Loop
    private weak var source: (any ControlSource)?
    private let stream: HTTPStream
    /// As the reader has typed it.
    private let name: String
    /// Whose log is being read; nil while the rank was never launched.
    private var shard: String?
    private var next: UInt64
    private var timer: LoopTimer?

    init(
        _ loop: Loop, _ source: any ControlSource, _ stream: HTTPStream, name: String,
        shard: String?, next: UInt64
    ) {
        self.loop = loop
        self.source = source
        self.stream = stream
        self.name = name
        self.shard = shard
        self.next = next
    }

    func wait() {
        timer = loop.after(Self.interval) {
            self.timer = nil
            self.read()
        }
    }

    private func read() {
        guard !stream.isClosed, let source else { return }
        let newest = source.state.newestShard(name)
        guard let current = shard ?? newest else { return wait() }
        shard = current
        source.operate(.log(shard: current, lastLines: 0, from: next)) { answer in
            self.take(answer, current: current, newest: newest)
        }
    }

    private func take(_ answer: PeerAnswer, current: String, newest: String?) {
        let successor = newest == current ? nil : newest
        switch answer {
        case .log(let text, let next):
            self.next = next
            if !text.isEmpty { stream.write(text) }
            // The rest of the old log comes before the first line of the new one.
            if text.isEmpty, let successor { begin(successor) }
        // Its node is out of reach, and may come back.
        case .refused(.timedOut, _, _), .refused(.unavailable, _, _), .refused(.unsafe, _, _): break
        case .refused(.notFound, let text, _):
            guard let successor else {
                stream.write("glm-agent: the log ends here: \(text)\n")
                return stream.finish()
            }
            begin(successor)
        case .accepted, .document, .confirmed: return stream.finish()
        }
        wait()
    }

    private func begin(_ successor: String) {
        shard = successor
        next = 0
    }
}

@available(*, unavailable) extension LogStream: Sendable {}
