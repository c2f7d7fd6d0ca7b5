import Base
import EventLoop
import Glibc
import Testing
import Transport

extension TransportTests {
    @Suite struct Churn {
        /// `GLM_TEST_CONNECTIONS` asks for more; the sanitizers' run does ten thousand.
        private static var connections: Int {
            guard let text = getenv("GLM_TEST_CONNECTIONS") else { return 1000 }
            return Int(String(cString: text)) ?? 1000
        }

        @Test(.timeLimit(.minutes(10)))
        func `connections that come and go leave no descriptor and no memory behind`() throws {
            let loop = try Loop()
            let pair = try agents(2, on: loop)
            let (stays, comes) = (pair[0], pair[1])
            try stays.start(loop, peers: [comes])
            // What a process keeps for good, it has after a fifth of them.
            try churn(Self.connections / 5, of: comes, with: stays, on: loop)
            let before = Usage.now()
            try churn(Self.connections * 4 / 5, of: comes, with: stays, on: loop)
            let after = Usage.now()
            #expect(after.descriptors == before.descriptors)
            // A TLS session alone is some 20 KiB: a hundred that stay are seen.
            #expect(
                after.residentPages - before.residentPages < 512,
                "\(before.residentPages) pages before, \(after.residentPages) after")
        }

        private func churn(
            _ count: Int, of comes: Agent, with stays: Agent, on loop: Loop
        ) throws {
            for round in 0..<count {
                try comes.start(loop, peers: [stays])
                try #require(
                    loop.run(within: patience) {
                        comes.isConnected(to: stays) && stays.isConnected(to: comes)
                    }, "connection \(round) was not made")
                comes.transport?.close()
                comes.transport = nil
                try #require(
                    loop.run(within: patience) { !stays.isConnected(to: comes) },
                    "the end of connection \(round) was not noticed")
                for agent in [comes, stays] { agent.forget() }
            }
        }
    }
}

/// What this process holds.
private struct Usage {
    let descriptors: Int
    let residentPages: Int

    static func now() -> Usage {
        Usage(descriptors: openDescriptors(), residentPages: residentPages())
    }

    private static func openDescriptors() -> Int {
        guard let directory = opendir("/proc/self/fd") else { return -1 }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        return count
    }

    /// The second number of `/proc/self/statm` (proc(5)).
    private static func residentPages() -> Int {
        guard let file = fopen("/proc/self/statm", "r") else { return -1 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard fgets(&line, Int32(line.count), file) != nil else { return -1 }
        let numbers = String(
            decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return Int(numbers.split(separator: " ").dropFirst().first ?? "") ?? -1
    }
}
