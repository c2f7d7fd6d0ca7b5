// A server and a client on one loop, over real sockets of the loopback.

import Base
import EventLoop
import Glibc
import HTTP
import Testing

/// One loop with a server and a client on it.
final class Bench {
    let loop: Loop
    let server: HTTPServer
    let client: HTTPClient

    static let anyPort = HTTPListenAddress.tcp(Endpoint(host: "127.0.0.1", port: 0))

    init(
        listen address: HTTPListenAddress = anyPort, limits: HTTPServerLimits = .init(),
        handler: @escaping HTTPServer.Handler
    ) throws {
        loop = try Loop()
        server = try HTTPServer(loop, listen: address, limits: limits, handler: handler)
        client = try HTTPClient(loop)
    }

    deinit {
        server.close()
        client.close()
        loop.close()
    }

    func url(_ path: String) -> String {
        "http://\(server.boundEndpoint?.description ?? "localhost")\(path)"
    }

    /// Runs the loop until the condition holds; fails the test after five seconds.
    func wait(
        for what: String, sourceLocation: SourceLocation = #_sourceLocation,
        until condition: () -> Bool
    ) {
        let holds = loop.run(within: .seconds(5), until: condition)
        #expect(holds, "waited in vain for \(what)", sourceLocation: sourceLocation)
    }

    /// Sends a request and runs the loop until its result is there.
    func result(
        _ request: HTTPClientRequest, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Result<HTTPResponse, HTTPClientError> {
        var result: Result<HTTPResponse, HTTPClientError>?
        client.send(request) { result = $0 }
        wait(for: "a result of \(request.url)", sourceLocation: sourceLocation) { result != nil }
        return try #require(result, sourceLocation: sourceLocation)
    }
}

extension Result where Failure == HTTPClientError {
    var cause: HTTPClientError.Cause? {
        if case .failure(let error) = self { error.cause } else { nil }
    }
}

/// A directory that is removed when dropped.
final class TemporaryDirectory {
    let path: String

    init() throws {
        var template = Array("/tmp/http-tests-XXXXXX".utf8CString)
        let made = try #require(mkdtemp(&template))
        path = String(cString: made)
    }

    deinit {
        rmdir(path)
    }
}

/// A TCP connection that says exactly what a test wants, as no HTTP client would.
final class RawConnection {
    let descriptor: Int32

    init(to endpoint: Endpoint) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = endpoint.port.bigEndian
        inet_pton(AF_INET, endpoint.host, &address.sin_addr)
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(result == 0)
        try #require(fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0)
    }

    deinit {
        close(descriptor)
    }

    func send(_ text: String) {
        let count = Glibc.send(descriptor, text, text.utf8.count, Int32(MSG_NOSIGNAL))
        #expect(count == text.utf8.count)
    }

    /// What has arrived; nil at the end of the stream.
    func receive() -> String? {
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count != 0 else { return nil }
        return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }
}

/// The number of descriptors that this process has open.
func openDescriptors() -> Int {
    guard let directory = opendir("/proc/self/fd") else { return 0 }
    defer { closedir(directory) }
    var count = 0
    while readdir(directory) != nil { count += 1 }
    return count
}
