import Base
import EventLoop
import Glibc
import HTTP
import Testing

@Suite struct ClientTests {
    @Test func `a port where nobody listens refuses`() throws {
        let bench = try Bench { _, _ in }
        let url = bench.url("/health")
        bench.server.close()
        let result = try bench.result(HTTPClientRequest(.get, url))
        #expect(result.cause == .refused, "\(result)")
        #expect("\(result)".contains(url))
    }

    @Test func `a server that does not answer times out`() throws {
        var waiting: [HTTPResponder] = []
        let bench = try Bench { _, responder in waiting.append(responder) }
        let request = HTTPClientRequest(.get, bench.url("/"), timeout: .milliseconds(150))
        let start = bench.loop.now
        #expect(try bench.result(request).cause == .timedOut)
        let took = bench.loop.now - start
        #expect(took > .milliseconds(100) && took < .seconds(2))
    }

    @Test func `a name without an address is unresolved`() throws {
        let bench = try Bench { _, _ in }
        let result = try bench.result(
            HTTPClientRequest(.get, "http://no-such-host.invalid/", timeout: .seconds(4)))
        #expect(result.cause == .unresolved || result.cause == .timedOut, "\(result)")
    }

    @Test(arguments: ["ftp://127.0.0.1/", "https://127.0.0.1/", "http://[", ""])
    func `a URL that is not ours fails and says so`(url: String) throws {
        let bench = try Bench { _, _ in }
        let result = try bench.result(HTTPClientRequest(.get, url))
        #expect(result.cause == .other, "\(result)")
    }

    @Test func `a server that hangs up is told as a reset`() throws {
        let loop = try Loop()
        defer { loop.close() }
        let listener = try StreamListener(loop, on: Endpoint(host: "127.0.0.1", port: 0)) {
            $0.close()
        }
        let client = try HTTPClient(loop)
        let endpoint = try #require(listener.endpoint)
        var result: Result<HTTPResponse, HTTPClientError>?
        client.send(HTTPClientRequest(.get, "http://\(endpoint)/")) { result = $0 }
        _ = loop.run(within: .seconds(5)) { result != nil }
        #expect(result?.cause == .reset, "\(String(describing: result))")
    }

    @Test(arguments: [99, 100])
    func `a response over the limit is too large`(limit: Int) throws {
        let bench = try Bench { _, responder in
            responder.respond(HTTPResponse(.ok, body: [UInt8](repeating: 1, count: 100)))
        }
        var request = HTTPClientRequest(.get, bench.url("/"))
        request.responseLimitBytes = limit
        let result = try bench.result(request)
        #expect(result.cause == (limit < 100 ? .tooLarge : nil))
    }

    @Test func `a redirect is reported, not followed`() throws {
        var requests = 0
        let bench = try Bench { _, responder in
            requests += 1
            responder.respond(HTTPResponse(HTTPStatus(302), headers: ["Location": "/other"]))
        }
        let response = try bench.result(HTTPClientRequest(.get, bench.url("/"))).get()
        #expect(response.status.code == 302)
        #expect(response.headers["location"] == "/other")
        #expect(requests == 1)
    }

    @Test func `a local address is used`() throws {
        let loop = try Loop()
        defer { loop.close() }
        var peer: StreamConnection?
        let listener = try StreamListener(loop, on: Endpoint(host: "127.0.0.1", port: 0)) {
            peer = $0
        }
        let client = try HTTPClient(loop)
        let endpoint = try #require(listener.endpoint)
        var request = HTTPClientRequest(.get, "http://\(endpoint)/")
        request.localAddress = "127.0.0.77"
        client.send(request) { _ in }
        #expect(loop.run(within: .seconds(5)) { peer != nil })
        #expect(boundClients(at: "127.0.0.77", port: endpoint.port) == 1)
        request.localAddress = "192.0.2.1"
        var result: Result<HTTPResponse, HTTPClientError>?
        client.send(request) { result = $0 }
        _ = loop.run(within: .seconds(5)) { result != nil }
        #expect(result?.cause == .other, "\(String(describing: result))")
    }

    /// The connections of this machine from that address to that port.
    private func boundClients(at host: String, port: UInt16) -> Int {
        guard let file = fopen("/proc/net/tcp", "r") else { return 0 }
        defer { fclose(file) }
        var address = in_addr()
        inet_pton(AF_INET, host, &address)
        let hex = { (value: UInt32, width: Int) in
            let digits = String(value, radix: 16, uppercase: true)
            return String(repeating: "0", count: width - digits.count) + digits
        }
        var count = 0
        var line = [CChar](repeating: 0, count: 512)
        while fgets(&line, Int32(line.count), file) != nil {
            let words = String(decoding: line.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                .split(separator: " ")
            guard words.count > 3 else { continue }
            let isOurs =
                words[1].hasPrefix(hex(address.s_addr, 8))
                && words[2].hasSuffix(":" + hex(UInt32(port), 4))
            if isOurs { count += 1 }
        }
        return count
    }

    @Test func `a callback may send, cancel and close`() throws {
        let bench = try Bench { _, responder in responder.respond(.text("ok")) }
        let request = HTTPClientRequest(.get, bench.url("/"))
        var done = 0
        bench.client.send(request) { _ in
            done += 1
            let cancelled = bench.client.send(request) { _ in Issue.record("was cancelled") }
            bench.client.send(request) { _ in
                done += 1
                bench.client.send(request) { _ in Issue.record("was closed") }
                bench.client.close()
                bench.client.send(request) { _ in Issue.record("was closed before") }
            }
            cancelled.cancel()
        }
        bench.wait(for: "both") { done == 2 }
        #expect(!bench.loop.run(within: .milliseconds(100)) { done > 2 })
    }

    @Test func `five hundred requests leave no descriptor open`() throws {
        let bench = try Bench { request, responder in
            responder.respond(.text(String(request.path.dropFirst())))
        }
        _ = try bench.result(HTTPClientRequest(.get, bench.url("/warm"))).get()
        let before = openDescriptors()
        for number in 1...500 {
            let response = try bench.result(HTTPClientRequest(.get, bench.url("/\(number)")))
            #expect(try response.get().bodyText == String(number))
        }
        _ = bench.loop.run(within: .milliseconds(50)) { false }
        // Other tests run in this process meanwhile; a leak would show five hundred times.
        #expect(openDescriptors() < before + 250)
    }

    @Test func `an idle server and client keep the loop still`() throws {
        let bench = try Bench { _, responder in responder.respond(.text("ok")) }
        _ = try bench.result(HTTPClientRequest(.get, bench.url("/"))).get()
        _ = bench.loop.run(within: .milliseconds(50)) { false }
        var turns = 0
        // The bound of this run wakes the loop every ten milliseconds; more turns would be ours.
        _ = bench.loop.run(within: .milliseconds(500)) {
            turns += 1
            return false
        }
        #expect(turns <= 60)
    }
}
