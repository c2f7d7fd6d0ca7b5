// A short measurement of the processor and of memory, by one thread of its own. The best of a few rounds
// counts: a round that was interrupted says nothing of the machine.

public import Ascend
import Base
public import EventLoop
import Glibc

/// Measures this host, only when it is told to: engines that serve would feel it.
public final class SpeedTest {
    private let queue: FileQueue

    private static let rounds = 4
    private static let roundTime = Duration.milliseconds(100)
    private static let bufferBytes = 64 << 20

    public init(_ loop: Loop) {
        queue = FileQueue(loop)
    }

    /// Measures for about a second on another thread.
    /// - Parameter completion: told once, after this call has returned.
    public func run(completion: @escaping (Fact<SpeedMeasure>) -> Void) {
        queue.run(
            { () throws(UVError) in
                SpeedMeasure(
                    millionStepsPerSecond: Self.steps() / 1_000_000,
                    memoryMegabytesPerSecond: try Self.copiedBytes() >> 20)
            },
            completion: { result in
                switch result {
                case .success(let measure): completion(.known(measure))
                case .failure(let error):
                    completion(.unknown(Gap(.refused, "speed", error.description)))
                }
            })
    }

    /// The most that a round did in a second.
    private static func best(_ round: () -> Int) -> Int {
        (0..<rounds).map { _ in
            let start = monotonicNanoseconds()
            var done = 0
            var taken = 0
            repeat {
                done += round()
                taken = monotonicNanoseconds() - start
            } while taken < Int(roundTime.nanoseconds)
            return done * 1_000 / Swift.max(1, taken / 1_000_000)
        }.max() ?? 0
    }

    /// Each step needs the one before, so that no processor does two at once.
    private static func steps() -> Int {
        let count = 1_000_000
        var state: UInt64 = 1
        return best {
            for _ in 0..<count {
                state ^= state << 13
                state ^= state >> 7
                state ^= state << 17
            }
            // It never is; but nobody may leave the steps out.
            return state == 0 ? 0 : count
        }
    }

    private static func copiedBytes() throws(UVError) -> Int {
        let size = bufferBytes
        let protection = PROT_READ | PROT_WRITE
        let buffer = mmap(nil, 2 * size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let buffer, buffer != MAP_FAILED else {
            throw UVError(errno: errno, operation: "take memory", subject: "")
        }
        defer { munmap(buffer, 2 * size) }
        memset(buffer, 1, 2 * size)
        return best {
            memcpy(buffer + size, buffer, size)
            return size
        }
    }

    private static func monotonicNanoseconds() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }
}

@available(*, unavailable) extension SpeedTest: Sendable {}
