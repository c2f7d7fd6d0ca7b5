// What an agent says where it cannot listen, and how old news stands in its log.

import Base
import ClusterState
import EventLoop
import Glibc
import Testing

@testable import AgentRuntime

@Suite struct AgentStartTests {
    @Test func `a port in use is told with its holder, the field and what to do`() throws {
        let loop = try Loop()
        defer { loop.close() }
        let holder = try StreamListener(loop, on: Endpoint(host: "127.0.0.1", port: 0)) {
            $0.close()
        }
        defer { holder.close() }
        let endpoint = try #require(holder.endpoint)
        let error = try #require(throws: UVError.self) {
            try StreamListener(loop, on: endpoint) { $0.close() }
        }
        let text = AgentError(error, listeningOn: endpoint, field: "http_listen").description
        #expect(text.contains("\(endpoint) is held by process \(getpid())"), "\(text)")
        #expect(text.hasSuffix("End that process, or give the agent another `http_listen`."))
    }

    @Test func `what happened before is logged with its own time`() {
        let time = WallTime(millisecondsSinceEpoch: 1_795_547_100_000)
        let event = LedgerEvent(
            sequence: 1, time: time, kind: .ready, node: nil, group: GroupName("decode-0"),
            generation: Generation(2), text: "serves")
        #expect(event.logLine(at: time) == "ready: decode-0.g2: serves")
        let later = WallTime(millisecondsSinceEpoch: 1_795_547_190_000)
        #expect(event.logLine(at: later) == "ready: decode-0.g2: serves (at \(time))")
    }
}
