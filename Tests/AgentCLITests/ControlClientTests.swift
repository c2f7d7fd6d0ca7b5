// How a command asks an agent that does not answer, that goes away and that comes back. The agent is a thread
// with answers made before.

import Base
import Glibc
import Testing

@testable import AgentCLI

@Suite(.serialized, .timeLimit(.minutes(1)))
struct ControlClientTests {
    @Test func `an agent that takes the connection and says nothing is not said to be gone`() throws
    {
        let directory = try TemporaryDirectory()
        let agent = try CannedAgent(at: "\(directory.path)/agent.sock", answers: [])
        defer { agent.close() }
        var client = ControlClient(socket: agent.path)
        client.timeout = .milliseconds(600)
        client.patience = .milliseconds(100)
        var waits: [String] = []
        client.onWaiting = { waits.append($0) }
        let asked = try #require(throws: ControlError.self) {
            try client.get(ControlPath("/v1/status"))
        }
        let streamed = try #require(throws: ControlError.self) {
            try client.stream(ControlPath("/v1/events")) { _ in }
        }
        for error in [asked, streamed] {
            #expect(error == .silent(socket: agent.path, waited: .milliseconds(600)))
            #expect(error.exitCode == .noAgent)
            #expect(error.message.contains("systemctl restart glm-agent"))
            #expect(error.message.contains("No engine is touched"))
        }
        #expect(waits == Array(repeating: "waits for the agent at \(agent.path)", count: 2))
    }

    @Test func `a stream that has begun may be silent for as long as it likes`() throws {
        let directory = try TemporaryDirectory()
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        let agent = try CannedAgent(
            at: "\(directory.path)/agent.sock", answers: [head + "|5\r\nhello\r\n0\r\n\r\n"])
        defer { agent.close() }
        var client = ControlClient(socket: agent.path)
        client.timeout = .milliseconds(200)
        var text = ""
        try client.stream(ControlPath("/v1/events")) { text += $0 }
        #expect(text == "hello")
    }

    @Test func `events go on after the agent was away, and none comes twice`() throws {
        let directory = try TemporaryDirectory()
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        func piece(_ text: String) -> String {
            String(text.utf8.count, radix: 16) + "\r\n\(text)\r\n"
        }
        let agent = try CannedAgent(
            at: "\(directory.path)/agent.sock",
            answers: [
                // Broken off within the second event, as by the end of the agent.
                head + piece("{\"sequence\":4}\n{\"sequ"),
                // Told that the agent stops.
                head + piece("{\"sequence\":5}\n") + "0\r\n\r\n",
                "HTTP/1.1 500 Broken\r\nContent-Length: 1\r\n\r\nx",
            ])
        defer { agent.close() }
        let (code, printed) = runLine("events --follow --json --socket \(agent.path)")
        #expect(code == .failure, "the last answer is none")
        let lines = printed.out.split(separator: "\n")
        #expect(lines.prefix(2) == ["{\"sequence\":4}", "{\"sequence\":5}"])
        #expect(printed.complaints.contains("has gone away; waits for it"))
        #expect(
            agent.asked().map { $0.split(separator: " ")[1] } == [
                "/v1/events?after=0&follow=1", "/v1/events?after=4&follow=1",
                "/v1/events?after=5&follow=1",
            ])
    }

    @Test func `a script that wants JSON gets its failure as JSON`() throws {
        let (code, printed) = runLine("status --json --socket /nonexistent/agent.sock")
        #expect(code == .noAgent)
        let json = try JSONValue(parsing: printed.out)
        #expect(json["exit_code"]?.integerValue == 4)
        #expect(json["error"]?.stringValue?.hasPrefix("no agent answers at") == true)
        #expect(json["what_to_do"]?.stringValue?.contains("--socket PATH") == true)
        #expect(runLine("status --socket /nonexistent/agent.sock").1.out.isEmpty)
    }

    @Test(arguments: [
        ("404 Not Found", "true", ExitCode.usage), ("404 Not Found", "false", .failure),
        ("400 Bad Request", "false", .usage), ("503 Service Unavailable", "false", .failure),
    ])
    func
        `a name that the cluster does not have is a wrong command line, and what is not there is none`(
            status: String, isUnknown: String, code: ExitCode
        ) throws
    {
        let body = #"{"error": "no", "what_to_do": "look", "unknown_name": \#(isUnknown)}"#
        let answer =
            "HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
        let lines = [
            "why prefil-0", "restart prefil-0", "logs prefil-0/0", "cordon nod-1",
            "members promote nod-1", "inventory nod-1",
        ]
        let directory = try TemporaryDirectory()
        let agent = try CannedAgent(
            at: "\(directory.path)/agent.sock", answers: lines.map { _ in answer })
        defer { agent.close() }
        for line in lines {
            let (ended, printed) = runLine("\(line) --socket \(agent.path)")
            #expect(ended == code, "\(line)")
            #expect(printed.complaints == "glm-agent: no\n  look\n")
        }
    }

    // MARK: - Logs

    @Test func `a log that is taken up again shows what was not shown`() {
        var log = ShownLog()
        #expect(log.rest(of: "a\nb\n") == "a\nb\n")
        log.show("a\nb\nc\nhal")
        #expect(log.rest(of: "a\nb\nc\nhalf\nd\n") == "f\nd\n")
        #expect(log.rest(of: "b\nc\nother\n") == "b\nc\nother\n", "they do not meet: all of it")
        log.show("f\n")
        #expect(log.rest(of: "a\nb\nc\nhalf\n") == "")
        for number in 0..<20 { log.show("same\n\(number)\n") }
        #expect(log.rest(of: "17\nsame\n18\nsame\n19\nnew\n").hasPrefix("17\n"), "too little of it")
        let tail = (10..<20).map { "same\n\($0)\n" }.joined()
        #expect(log.rest(of: tail + "new\n") == "new\n")
    }
}

/// Listens on a Unix socket, answers each connection with the next text and closes it; `|` in a text is a
/// pause of half a second. Connections beyond the answers are taken by the system and get none.
private final class CannedAgent {
    let path: String
    private let job: Job
    private var thread = pthread_t()
    private var isJoined = false

    private final class Job {
        let descriptor: Int32
        let answers: [String]
        var requests: [String] = []

        init(descriptor: Int32, answers: [String]) {
            self.descriptor = descriptor
            self.answers = answers
        }

        func run() {
            for answer in answers {
                let connection = accept(descriptor, nil, nil)
                guard connection >= 0 else { return }
                var bytes = [UInt8](repeating: 0, count: 4096)
                let count = read(connection, &bytes, bytes.count)
                requests.append(String(decoding: bytes.prefix(max(0, count)), as: UTF8.self))
                for (index, part) in answer.split(separator: "|").enumerated() {
                    if index > 0 { usleep(500_000) }
                    _ = write(connection, String(part), part.utf8.count)
                }
                Glibc.close(connection)
            }
        }
    }

    init(at path: String, answers: [String]) throws {
        self.path = path
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(descriptor >= 0 && bound == 0 && listen(descriptor, 8) == 0)
        job = Job(descriptor: descriptor, answers: answers)
        pthread_create(
            &thread, nil,
            { raw in
                if let raw { Unmanaged<Job>.fromOpaque(raw).takeRetainedValue().run() }
                return nil
            }, Unmanaged.passRetained(job).toOpaque())
    }

    /// What was asked, once every answer is given.
    func asked() -> [String] {
        join()
        return job.requests
    }

    func close() {
        shutdown(job.descriptor, Int32(SHUT_RDWR))
        join()
        Glibc.close(job.descriptor)
    }

    private func join() {
        guard !isJoined else { return }
        isJoined = true
        pthread_join(thread, nil)
    }
}
