import Base
import EventLoop
import Glibc
import HTTP
import Testing

@Suite struct RoundTripTests {
    @Test(arguments: [HTTPMethod.post, .put, .patch, .delete, .get])
    func `a request arrives as it was sent`(method: HTTPMethod) throws {
        var seen: HTTPRequest?
        let bench = try Bench { request, responder in
            seen = request
            responder.respond(
                HTTPResponse(.ok, headers: ["X-Answer": "yes"], body: request.body.reversed()))
        }
        var request = HTTPClientRequest(
            method, bench.url("/a/b%20c?follow&group=prefill-0&x=%26"), body: [1, 2, 0, 3])
        request.headers.append("X-Token", "s3cret")
        request.headers.append("X-Empty", "")
        let response = try bench.result(request).get()
        #expect(seen?.method == method)
        #expect(seen?.path == "/a/b c")
        #expect(seen?.query.map(\.name) == ["follow", "group", "x"])
        #expect(seen?.parameter("follow") == "")
        #expect(seen?.parameter("group") == "prefill-0")
        #expect(seen?.parameter("x") == "&")
        #expect(seen?.headers["x-token"] == "s3cret")
        #expect(seen?.headers["X-Empty"] == "")
        #expect(seen?.headers["Content-Type"] == nil)
        #expect(seen?.body == [1, 2, 0, 3])
        #expect(response.status == .ok)
        #expect(response.headers["x-answer"] == "yes")
        #expect(response.body == [3, 0, 2, 1])
    }

    @Test func `a status and a JSON body come back`() throws {
        let bench = try Bench { request, responder in
            responder.respond(.json(["path": .string(request.path)], status: .notFound))
        }
        let response = try bench.result(HTTPClientRequest(.get, bench.url("/nowhere"))).get()
        #expect(response.status == .notFound)
        #expect(response.headers["Content-Type"] == "application/json")
        #expect(try JSONValue(parsing: response.body)["path"] == "/nowhere")
    }

    @Test func `HEAD and an empty POST have no body`() throws {
        let bench = try Bench { request, responder in
            #expect(request.body.isEmpty)
            responder.respond(.text("four"))
        }
        let head = try bench.result(HTTPClientRequest(.head, bench.url("/"))).get()
        #expect(head.body.isEmpty)
        #expect(head.headers["Content-Length"] == "4")
        let post = try bench.result(HTTPClientRequest(.post, bench.url("/"))).get()
        #expect(post.bodyText == "four")
    }

    @Test func `an answer may come later, and others pass it meanwhile`() throws {
        var waiting: HTTPResponder?
        let bench = try Bench { request, responder in
            if request.path == "/slow" {
                waiting = responder
            } else {
                responder.respond(.text("fast"))
            }
        }
        var order: [String] = []
        for path in ["/slow", "/fast"] {
            bench.client.send(HTTPClientRequest(.get, bench.url(path))) {
                order.append((try? $0.get().bodyText) ?? "failed")
            }
        }
        bench.wait(for: "the fast answer") { order == ["fast"] && waiting != nil }
        waiting?.respond(.text("slow"))
        bench.wait(for: "the slow answer") { order == ["fast", "slow"] }
    }

    @Test func `a handler that forgets to answer gives a 500`() throws {
        let bench = try Bench { _, _ in }
        let response = try bench.result(HTTPClientRequest(.get, bench.url("/"))).get()
        #expect(response.status == .internalServerError)
    }

    @Test func `a large body goes both ways`() throws {
        var limits = HTTPServerLimits()
        limits.bodyBytes = 4 << 20
        let bench = try Bench(limits: limits) { request, responder in
            responder.respond(HTTPResponse(.ok, body: request.body))
        }
        let body = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let request = HTTPClientRequest(.post, bench.url("/"), body: body)
        #expect(try bench.result(request).get().body == body)
    }

    @Test func `a Unix socket serves, with its permissions, until closed`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/agent.sock"
        let bench = try Bench(listen: .unix(path: path, mode: 0o600)) { _, responder in
            responder.respond(.text("over unix"))
        }
        var status = stat()
        #expect(lstat(path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        #expect(bench.server.boundEndpoint == nil)
        var request = HTTPClientRequest(.get, bench.url("/"))
        request.unixSocketPath = path
        #expect(try bench.result(request).get().bodyText == "over unix")
        bench.server.close()
        #expect(lstat(path, &status) != 0)
        let result = try bench.result(request)
        #expect(result.cause == .refused, "\(result)")
    }

    @Test func `a client without a loop waits for its response`() throws {
        let (endpoint, thread) = try serveFromThread(answers: 1)
        let url = "http://\(endpoint)/x"
        let response = try HTTPClient.sendAndWait(HTTPClientRequest(.get, url))
        #expect(response.bodyText == "one two ")
        pthread_join(thread, nil)
    }

    /// Runs a server on a thread of its own until it has answered so often.
    private func serveFromThread(answers: Int) throws -> (Endpoint, pthread_t) {
        final class Job {
            let bench: Bench
            let done: () -> Bool
            init(bench: Bench, done: @escaping () -> Bool) {
                self.bench = bench
                self.done = done
            }
        }
        var closed = 0
        let bench = try Bench { _, responder in
            let stream = responder.stream()
            stream.write("one ")
            stream.write("two ")
            stream.finish()
            closed += 1
        }
        let endpoint = try #require(bench.server.boundEndpoint)
        let job = Job(bench: bench) { closed == answers }
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                let job = Unmanaged<Job>.fromOpaque(context).takeRetainedValue()
                job.bench.wait(for: "the answers", until: job.done)
                // What is still to be sent.
                _ = job.bench.loop.run(within: .milliseconds(100)) { false }
                job.bench.server.close()
                return nil
            }, Unmanaged.passRetained(job).toOpaque())
        return (endpoint, thread)
    }
}
