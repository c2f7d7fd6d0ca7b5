// Real sockets, real children, real files. The suites run one after the other: they count
// descriptors and measure time.

import Base
import EventLoop
import Testing

@Suite(.serialized, .timeLimit(.minutes(2)))
struct EventLoopTests {}

/// A generous bound for things that are done in milliseconds.
let patience = Duration.seconds(10)

/// Collects what callbacks tell.
final class Recorder<Value> {
    var values: [Value] = []

    func record(_ value: Value) {
        values.append(value)
    }
}

/// How many descriptors this process has open.
func openDescriptorCount() -> Int {
    ((try? Files.list("/proc/self/fd")) ?? []).count
}

let loopback = Endpoint(host: "127.0.0.1", port: 0)
