import Base
import EventLoop
import Glibc
import HTTP
import Testing

@Suite struct StreamTests {
    /// A server whose handler opens a stream and hands it over.
    final class Streams {
        var open: [HTTPStream] = []
        var closed = 0
    }

    private func bench(
        _ streams: Streams, limits: HTTPServerLimits = .init()
    ) throws -> Bench {
        try Bench(limits: limits) { _, responder in
            let stream = responder.stream(headers: ["Content-Type": "text/event-stream"])
            stream.onClosed { streams.closed += 1 }
            streams.open.append(stream)
        }
    }

    @Test func `events arrive one by one, the head before the first`() throws {
        let streams = Streams()
        let bench = try bench(streams)
        var head: HTTPResponseHead?
        var pieces: [String] = []
        var end: Result<HTTPResponse, HTTPClientError>?
        bench.client.stream(
            HTTPClientRequest(.get, bench.url("/events"), timeout: nil),
            onHead: { head = $0 },
            onBody: { pieces.append(String(decoding: $0, as: UTF8.self)) },
            completion: { end = $0 })
        bench.wait(for: "the head") { head != nil }
        #expect(head?.headers["content-type"] == "text/event-stream")
        #expect(pieces.isEmpty)
        for number in 1...3 {
            streams.open.first?.write("data: \(number)\n\n")
            bench.wait(for: "event \(number)") { pieces.count == number }
            #expect(pieces.last == "data: \(number)\n\n")
        }
        streams.open.first?.finish()
        bench.wait(for: "the end") { end != nil }
        #expect(try end?.get().status == .ok)
        #expect(streams.closed == 0)
    }

    @Test func `a client that leaves an idle stream is noticed`() throws {
        let streams = Streams()
        let bench = try bench(streams)
        let call = bench.client.stream(
            HTTPClientRequest(.get, bench.url("/"), timeout: nil), onBody: { _ in },
            completion: { _ in Issue.record("a cancelled call completed") })
        bench.wait(for: "the stream") { !streams.open.isEmpty }
        call.cancel()
        bench.wait(for: "the client's leaving") { streams.closed == 1 }
        #expect(streams.open.first?.isClosed == true)
        #expect(streams.open.first?.write("more") == false)
    }

    @Test func `a client that leaves before the answer is noticed`() throws {
        var waiting: HTTPResponder?
        var left = 0
        let bench = try Bench { _, responder in
            responder.onClosed { left += 1 }
            waiting = responder
        }
        let call = bench.client.send(HTTPClientRequest(.get, bench.url("/"))) { _ in }
        bench.wait(for: "the request") { waiting != nil }
        call.cancel()
        bench.wait(for: "the client's leaving") { left == 1 }
        waiting?.respond(.text("too late"))
    }

    @Test func `a client that does not read is cut off`() throws {
        var limits = HTTPServerLimits()
        limits.streamBytes = 100_000
        limits.idleTimeout = .seconds(1)
        let streams = Streams()
        let bench = try bench(streams, limits: limits)
        let deaf = try RawConnection(to: #require(bench.server.boundEndpoint))
        deaf.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        bench.wait(for: "the stream") { !streams.open.isEmpty }
        var accepted = 0
        bench.wait(for: "the cut") {
            let isTaken = streams.open.first?.write([UInt8](repeating: 0x20, count: 50_000))
            accepted += isTaken == true ? 1 : 0
            return isTaken == false
        }
        #expect(accepted >= 2)
        bench.wait(for: "the end") { streams.closed == 1 }
    }

    @Test func `a stream dropped unfinished reads as broken, not as complete`() throws {
        let bench = try Bench { _, responder in responder.stream().write("half") }
        let result = try bench.result(HTTPClientRequest(.get, bench.url("/")))
        #expect(result.cause == .reset, "\(result)")
    }

    @Test func `closing the server ends streams and waiting requests`() throws {
        let streams = Streams()
        let bench = try bench(streams)
        var results: [Result<HTTPResponse, HTTPClientError>] = []
        for _ in 1...3 {
            bench.client.send(HTTPClientRequest(.get, bench.url("/"))) { results.append($0) }
        }
        bench.wait(for: "the streams") { streams.open.count == 3 }
        bench.server.close()
        #expect(streams.closed == 3)
        bench.wait(for: "the results") { results.count == 3 }
        #expect(results.allSatisfy { $0.cause == .reset }, "\(results)")
    }

    @Test func `a server may be closed by its own handler`() throws {
        var close: (() -> Void)?
        let bench = try Bench { _, responder in
            close?()
            responder.respond(.text("bye"))
        }
        close = { bench.server.close() }
        _ = try bench.result(HTTPClientRequest(.get, bench.url("/")))
        let second = try bench.result(HTTPClientRequest(.get, bench.url("/")))
        #expect(second.cause == .refused)
        close = nil
    }
}
