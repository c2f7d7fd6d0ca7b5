// Probes against a real server, and ports against real sockets.

import Base
import EventLoop
import Glibc
import HTTP
import Testing

@testable import Engines

extension EnginesTests {
    @Suite struct Probes {
        private let anyPort = Endpoint(host: "127.0.0.1", port: 0)

        /// Asks a server that answers with that status, or not at all.
        private func ask(
            _ question: ProbeQuestion, status: HTTPStatus?
        ) throws -> (answer: ProbeAnswer?, request: HTTPRequest?) {
            let loop = try Loop()
            var request: HTTPRequest?
            var held: HTTPResponder?
            let server = try HTTPServer(loop, listen: .tcp(anyPort)) {
                request = $0
                if let status {
                    $1.respond(.text("loading\nweights", status: status))
                } else {
                    held = $1
                }
            }
            let endpoint = try #require(server.boundEndpoint)
            let probe = EngineProbe(try HTTPClient(loop), timeLimit: .milliseconds(300))
            var answer: ProbeAnswer?
            probe.probe(question, endpoint) { answer = $0 }
            _ = loop.run(within: patience) { answer != nil }
            withExtendedLifetime(held) {}
            return (answer, request)
        }

        @Test(arguments: ProbeQuestion.allCases)
        func `every question is a request of its own`(question: ProbeQuestion) throws {
            let (answer, request) = try ask(question, status: .ok)
            #expect(answer == .answers)
            let query = (request?.query ?? []).map { "\($0.name)=\($0.value)" }
            let asked =
                (request?.path ?? "") + (query.isEmpty ? "" : "?")
                + query.joined(separator: "&")
            #expect(asked == question.path)
        }

        @Test func `warming up, error and silence are told apart`() throws {
            #expect(
                try ask(.readiness, status: .serviceUnavailable).answer
                    == .starting("HTTP 503 loading weights"))
            #expect(
                try ask(.readiness, status: .internalServerError).answer
                    == .failing("HTTP 500 loading weights"))
            guard case .failing(let reason) = try ask(.liveness, status: nil).answer else {
                Issue.record("silence was no failure")
                return
            }
            #expect(reason.contains("timed out"))
        }

        @Test func `nobody there is a refusal`() throws {
            let loop = try Loop()
            let listener = try StreamListener(loop, on: anyPort) { $0.close() }
            let endpoint = try #require(listener.endpoint)
            listener.close()
            var answer: ProbeAnswer?
            let probe = EngineProbe(try HTTPClient(loop), timeLimit: .seconds(5))
            probe.probe(.readiness, endpoint) { answer = $0 }
            #expect(loop.run(within: patience) { answer != nil })
            #expect(answer == .refused)
        }

        @Test func `who holds a port is named`() throws {
            let bench = try Workbench()
            let listener = try StreamListener(bench.loop, on: anyPort) { $0.close() }
            let taken = try #require(listener.endpoint)
            let foreign = Endpoint(host: "192.0.2.1", port: 4000)
            let check = PortCheck(bench.loop)
            var found: [PortConflict]?
            check.conflicts([anyPort, taken, foreign]) { found = $0 }
            #expect(bench.run { found != nil })
            let conflicts = found ?? []
            #expect(conflicts.map(\.endpoint) == [taken, foreign])
            #expect(conflicts.first?.reason.contains("is held by process \(getpid()) (") == true)
            #expect(conflicts.last?.reason == "cannot be bound: address not available")
            listener.close()
            found = nil
            check.conflicts([taken]) { found = $0 }
            #expect(bench.run { found != nil })
            #expect(found == [])
        }
    }
}
