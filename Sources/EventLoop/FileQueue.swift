// Blocking work off the loop's thread, in order. A disk that takes two seconds for an fsync must
// not keep a heartbeat waiting, and two appends to one file must not overtake each other: so the
// work runs in libuv's thread pool, but one piece of a queue at a time.

import Base
import CLibuv

/// A queue of blocking work; use one for each file or directory whose order matters. What was
/// queued is done and told even when the queue is dropped. When the loop closes, the piece that
/// is running is finished, and the others are not begun.
public final class FileQueue {
    private weak var loop: Loop?
    private var waiting: [Job] = []
    private var isWorking = false

    public init(_ loop: Loop) {
        self.loop = loop
    }

    /// How many pieces of work are not completed yet.
    public var backlog: Int { waiting.count + (isWorking ? 1 : 0) }

    /// Runs the work on another thread after all work queued before it, then the completion on
    /// the loop. The completion is dropped when the loop closes before.
    public func run<Value: Sendable>(
        _ work: @escaping @Sendable () throws(UVError) -> Value,
        completion: @escaping (Result<Value, UVError>) -> Void
    ) {
        let outcome = Outcome<Value>()
        waiting.append(
            Job(
                work: { outcome.result = Result(catching: work) },
                completion: {
                    if let result = outcome.result { completion(result) }
                }))
        startNext()
    }

    fileprivate func finished() {
        isWorking = false
        startNext()
    }

    private func startNext() {
        guard !isWorking, !waiting.isEmpty, let rawLoop = loop?.raw else { return }
        isWorking = true
        let job = waiting.removeFirst()
        job.loop = loop
        job.queue = self
        let request = UnsafeMutablePointer<uv_work_t>.allocate(capacity: 1)
        request.pointee.data = Unmanaged.passRetained(job).toOpaque()
        let result = uv_queue_work(
            rawLoop, request, { Job.of($0)?.takeUnretainedValue().work() },
            { request, _ in
                let job = Job.of(request)?.takeRetainedValue()
                request?.deallocate()
                job?.complete()
            })
        invariant(result == 0, "uv_queue_work refused a valid request: \(result)")
    }
}

@available(*, unavailable) extension FileQueue: Sendable {}

/// One piece of work. It crosses to the pool's thread and back; libuv's queue orders the two.
private final class Job {
    let work: () -> Void
    let completion: () -> Void
    weak var loop: Loop?
    /// Held while the work runs.
    var queue: FileQueue?

    init(work: @escaping () -> Void, completion: @escaping () -> Void) {
        self.work = work
        self.completion = completion
    }

    func complete() {
        if loop?.isClosed == false {
            queue?.finished()
            completion()
        }
        queue = nil
    }

    static func of(_ request: UnsafeMutablePointer<uv_work_t>?) -> Unmanaged<Job>? {
        request?.pointee.data.map { Unmanaged.fromOpaque($0) }
    }
}

private final class Outcome<Value> {
    var result: Result<Value, UVError>?
}
