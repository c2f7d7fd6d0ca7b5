import Base
import EventLoop
import Glibc
import HTTP
import Testing

@Suite struct LimitTests {
    private func bench(_ limits: HTTPServerLimits = .init()) throws -> Bench {
        try Bench(limits: limits) { request, responder in
            responder.respond(.text("\(request.body.count)"))
        }
    }

    @Test(arguments: [1000, 1001, 200_000, 1 << 25])
    func `a body over the limit is answered 413`(bytes: Int) throws {
        var limits = HTTPServerLimits()
        limits.bodyBytes = 1000
        let bench = try bench(limits)
        let body = [UInt8](repeating: 7, count: bytes)
        let result = try bench.result(HTTPClientRequest(.post, bench.url("/"), body: body))
        switch bytes {
        case 1000: #expect(try result.get().status == .ok)
        // So long a body is not read to its end, and the break may overtake the answer.
        case 1 << 25 where result.cause == .reset: break
        default: #expect(try result.get().status == .contentTooLarge)
        }
        // The server goes on.
        #expect(try bench.result(HTTPClientRequest(.get, bench.url("/"))).get().status == .ok)
    }

    @Test func `a chunked body over the limit is answered 413`() throws {
        var limits = HTTPServerLimits()
        limits.bodyBytes = 10
        let bench = try bench(limits)
        let raw = try RawConnection(to: #require(bench.server.boundEndpoint))
        raw.send(
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "8\r\n12345678\r\n8\r\n12345678\r\n0\r\n\r\n")
        var text = ""
        bench.wait(for: "an answer") {
            text += raw.receive() ?? ""
            return text.contains("\r\n\r\n")
        }
        #expect(text.hasPrefix("HTTP/1.1 413 "))
    }

    @Test(arguments: [
        (
            "GET / HTTP/1.1\r\nHost: x\r\nX-Long: \(String(repeating: "a", count: 99_999))\r\n\r\n",
            "431"
        ),
        ("BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n", "501"),
        ("GET / HTTP/1.1\r\n\r\n", "400"),
    ])
    func `what is not a request for us is refused`(request: String, status: String) throws {
        let bench = try bench()
        let raw = try RawConnection(to: #require(bench.server.boundEndpoint))
        raw.send(request)
        var text = ""
        bench.wait(for: "an answer") {
            text += raw.receive() ?? ""
            return text.contains("\r\n")
        }
        #expect(text.hasPrefix("HTTP/1.1 \(status) "), "\(text)")
    }

    @Test func `an idle connection is closed in time`() throws {
        var limits = HTTPServerLimits()
        limits.idleTimeout = .seconds(1)
        let bench = try bench(limits)
        let raw = try RawConnection(to: #require(bench.server.boundEndpoint))
        raw.send("GET / HT")
        bench.wait(for: "the end of the connection") { raw.receive() == nil }
    }

    @Test func `connections above the limit wait until another ends`() throws {
        var limits = HTTPServerLimits()
        limits.connections = 2
        limits.idleTimeout = .seconds(1)
        let bench = try bench(limits)
        let endpoint = try #require(bench.server.boundEndpoint)
        let idle = try [RawConnection(to: endpoint), RawConnection(to: endpoint)]
        _ = bench.loop.run(within: .milliseconds(50)) { false }
        let start = bench.loop.now
        #expect(try bench.result(HTTPClientRequest(.get, bench.url("/"))).get().status == .ok)
        #expect(bench.loop.now - start > .milliseconds(300))
        withExtendedLifetime(idle) {}
    }

    @Test func `an address in use is named`() throws {
        let bench = try bench()
        let endpoint = try #require(bench.server.boundEndpoint)
        let error = try #require(throws: UVError.self) {
            _ = try HTTPServer(bench.loop, listen: .tcp(endpoint)) { _, _ in }
        }
        #expect(error.name == "EADDRINUSE")
        #expect(error.description.contains("listen on 127.0.0.1:\(endpoint.port)"))
    }

    @Test func `a port is free again at once, also after connections`() throws {
        let bench = try bench()
        let endpoint = try #require(bench.server.boundEndpoint)
        let raw = try RawConnection(to: endpoint)
        raw.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        bench.wait(for: "the server's closing") { raw.receive() == nil }
        bench.server.close()
        let again = try HTTPServer(bench.loop, listen: .tcp(endpoint)) { _, _ in }
        #expect(again.boundEndpoint == endpoint)
    }

    @Test func `a stale socket file is replaced, a living one is not`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/agent.sock"
        let loop = try Loop()
        defer { loop.close() }
        let address = HTTPListenAddress.unix(path: path, mode: 0o600)
        let first = try HTTPServer(loop, listen: address) { _, _ in }
        let error = #expect(throws: UVError.self) {
            _ = try HTTPServer(loop, listen: address) { _, _ in }
        }
        #expect(error?.name == "EADDRINUSE")
        // A copy of the file that its server does not know of stays behind, as after a crash.
        let stale = directory.path + "/stale.sock"
        #expect(link(path, stale) == 0)
        first.close()
        let second = try HTTPServer(loop, listen: .unix(path: stale, mode: 0o600)) { _, _ in }
        second.close()
        #expect(access(stale, F_OK) != 0)
    }

    @Test(arguments: [
        (HTTPListenAddress.tcp(Endpoint(host: "localhost", port: 0)), "EINVAL"),
        (.tcp(Endpoint(host: "192.0.2.1", port: 0)), "EADDRNOTAVAIL"),
        (.unix(path: "/tmp/\(String(repeating: "x", count: 200))", mode: 0o600), "ENAMETOOLONG"),
        (.unix(path: "/nonexistent/agent.sock", mode: 0o600), "ENOENT"),
    ])
    func `an address that cannot be used is refused with its reason`(
        address: HTTPListenAddress, name: String
    ) throws {
        let loop = try Loop()
        defer { loop.close() }
        let error = #expect(throws: UVError.self) {
            _ = try HTTPServer(loop, listen: address) { _, _ in }
        }
        #expect(error?.name == name)
    }
}
