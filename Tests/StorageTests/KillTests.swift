// Real processes and real disks: an agent's store killed at random moments, and a disk that is really full.

import Base
import Consensus
import EventLoop
import Glibc
import Testing

@testable import Storage
@testable import StorageTestHelper

@Suite(.serialized, .timeLimit(.minutes(5))) struct KillTests {
    private static let helper: String = {
        guard let own = realpath("/proc/self/exe", nil) else { return "" }
        defer { free(own) }
        let path = String(cString: own)
        return String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]) + "/StorageTestHelper"
    }()

    @Test func `two hundred kills, and everything that was confirmed is there`() throws {
        try withDirectory { directory in
            var generator = SeededGenerator(seed: 11)
            var expected = Expected()
            var confirmedWrites: UInt64 = 0
            for round in 1...200 {
                let pause = generator.duration(in: .milliseconds(2)...(.milliseconds(60)))
                let confirmed = try killedLife(directory, after: pause)
                let state = try StoreBench(directory).opened.state
                let count = state.hardState.term.value
                #expect(count >= confirmed, "round \(round)")
                confirmedWrites = max(confirmedWrites, confirmed)
                try #require(count >= expected.count, "round \(round)")
                expected.advance(to: count)
                try #require(state == expected.state, "round \(round), \(count) writes")
            }
            #expect(confirmedWrites > 200, "the program hardly wrote")
        }
    }

    /// - Returns: the last write that the program said to be on disk.
    private func killedLife(_ directory: String, after pause: Duration) throws -> UInt64 {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[0]) }
        let loop = try Loop()
        var end: ChildExit?
        let child: ChildProcess
        do {
            defer { close(ends[1]) }
            child = try ChildProcess(
                loop,
                ChildSpecification(
                    executable: Self.helper, arguments: ["write", directory],
                    descriptors: [.null, .inherit(ends[1]), .inherit(2)])
            ) { end = $0 }
        }
        _ = loop.run(within: pause) { end != nil }
        kill(child.pid, SIGKILL)
        try #require(loop.run(within: .seconds(10)) { end != nil })
        try #require(end == .signalled(SIGKILL), "\(String(describing: end))")
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = read(ends[0], &bytes, bytes.count)
        guard count >= 8 else { return 0 }
        let last = count / 8 * 8 - 8
        return bytes[last..<last + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    @Test func `a process whose disk hangs ends all the same, with its code`() throws {
        let loop = try Loop()
        var end: ChildExit?
        let child = try ChildProcess(
            loop, ChildSpecification(executable: Self.helper, arguments: ["hang", "/"])
        ) { end = $0 }
        defer { withExtendedLifetime(child) {} }
        let hasEnded = loop.run(within: .seconds(20)) { end != nil }
        if !hasEnded { try child.kill(SIGKILL) }
        #expect(end == .exited(code: 6))
    }

    @Test(.enabled(if: geteuid() == 0, "a small disk is mounted"))
    func `on a disk that is really full the store says so, writes no more, and has all`() throws {
        try withDirectory { directory in
            let loop = try Loop()
            var end: ChildExit?
            let script = "mount -t tmpfs -o size=256k tmpfs \"$1\" && exec \"$2\" fill \"$1\""
            let child = try ChildProcess(
                loop,
                ChildSpecification(
                    executable: "/usr/bin/unshare",
                    arguments: ["-m", "sh", "-c", script, "sh", directory, Self.helper])
            ) { end = $0 }
            defer { withExtendedLifetime(child) {} }
            try #require(loop.run(within: .seconds(60)) { end != nil })
            #expect(end == .exited(code: 0))
        }
    }
}
