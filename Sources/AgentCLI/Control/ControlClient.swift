// Asks an agent over its control socket: HTTP on a Unix socket, as Protocols/control.md specifies.
// A command has one thread and one question, so it waits in a loop of its own; agents never use this.

import Base
import EventLoop
import Glibc
import HTTP

/// Why an agent gave no answer that can be used.
enum ControlError: Error, Hashable, Sendable {
    /// Nobody answers at the socket.
    case noAgent(socket: String, reason: String)
    /// Somebody took the connection and says nothing: the agent is stopped or overloaded.
    case silent(socket: String, waited: Duration)
    /// The socket is there, or may be, and is not for this user.
    case forbidden(socket: String, group: String?)
    /// The agent answers that it cannot; or, where that is a misuse, that it was asked for nothing that there is.
    case refused(message: String, whatToDo: String?, isMisuse: Bool = false)
    /// What came is not what the specification says.
    case unreadable(String)

    var exitCode: ExitCode {
        switch self {
        case .noAgent, .silent: .noAgent
        case .refused(_, _, isMisuse: true): .usage
        case .forbidden, .refused, .unreadable: .failure
        }
    }

    /// Whether the agent may answer after all once it runs again, or knows again what is agreed.
    var mayPass: Bool {
        switch self {
        case .noAgent, .silent, .refused: true
        case .forbidden, .unreadable: false
        }
    }

    /// What happened, and what to do where something can be done.
    private var parts: (what: String, toDo: String?) {
        let lines = message.split(separator: "\n  ", maxSplits: 1).map(String.init)
        return (lines.first ?? "", lines.count > 1 ? lines[1] : nil)
    }

    /// For scripts, in the form of the API's own errors.
    var json: JSONValue {
        [
            "error": .string(parts.what), "what_to_do": JSONValue(parts.toDo),
            "exit_code": .integer(Int64(exitCode.rawValue)),
        ]
    }

    /// What happened and what to do, for standard error.
    var message: String {
        switch self {
        case .noAgent(let socket, let reason):
            """
            no agent answers at \(socket): \(reason)
              Start it (`systemctl start glm-agent`, or `glm-agent run`), or name its socket with \
            --socket PATH.
            """
        case .silent(let socket, let waited):
            """
            the agent at \(socket) runs, and has not answered for \(shortDuration(waited))
              It is stopped or overloaded: `systemctl restart glm-agent` on this node. No engine is \
            touched by that.
            """
        case .forbidden(let socket, let group):
            """
            permission denied at \(socket): this user may not ask the agent
              Do it as root\(group.map { ", or as a member of the group \($0)" } ?? "").
            """
        case .refused(let message, let whatToDo, _):
            whatToDo.map { "\(message)\n  \($0)" } ?? message
        case .unreadable(let reason):
            """
            the agent's answer cannot be read: \(reason)
              Is it of another version? Compare `glm-agent version` on both.
            """
        }
    }
}

/// A path of the control API with its query.
struct ControlPath: Hashable, Sendable {
    let path: String
    let query: [String]

    init(_ path: String, _ query: KeyValuePairs<String, String> = [:]) {
        self.path = path
        self.query = query.map { "\($0.key)=\(percentEncoded($0.value))" }
    }

    var text: String { query.isEmpty ? path : path + "?" + query.joined(separator: "&") }
}

/// The agent behind one control socket.
struct ControlClient {
    let socket: String
    /// How long a question may take. A stream may take as long to begin, and then as it likes.
    var timeout = Duration.seconds(10)
    /// An order takes as long as the cluster needs to agree; the agent gives up after ten seconds.
    var orderTimeout = Duration.seconds(15)
    /// How long to wait before an agent that has gone away is asked again.
    var followPause = Duration.seconds(1)
    /// After so long it is told that the agent is waited for.
    var patience = Duration.seconds(2)
    /// Told once for each question that takes longer than that, with a line for people.
    var onWaiting: ((String) -> Void)?

    init(socket: String) {
        self.socket = socket
    }

    /// - Throws: ``ControlError``
    func get(_ path: ControlPath) throws(ControlError) -> JSONValue {
        try document(of: ask(request(.get, path, within: timeout)))
    }

    /// - Throws: ``ControlError``
    func post(_ path: ControlPath, _ body: JSONValue) throws(ControlError) -> JSONValue {
        var request = HTTPClientRequest.json(.post, url(of: path), body, timeout: orderTimeout)
        request.unixSocketPath = socket
        return try document(of: ask(request))
    }

    /// Hands on a streamed text as it comes, until the agent ends it.
    /// - Parameters:
    ///   - path: the question.
    ///   - onBegin: told once the agent has taken the question.
    ///   - onText: given what has come.
    /// - Throws: ``ControlError``
    func stream(
        _ path: ControlPath, onBegin: @escaping (HTTPResponseHead) -> Void = { _ in },
        onText: @escaping (String) -> Void
    ) throws(ControlError) {
        // An error is a document of its own and comes in pieces too.
        let refusal = PieceCollector()
        let text = PieceCollector()
        let response = try transfer(
            request(.get, path, within: nil), beginsWithin: timeout,
            onHead: { if $0.status.isSuccess { onBegin($0) } },
            onPiece: { head, piece in
                if head.status.isSuccess {
                    text.bytes += piece
                    onText(text.takeWholeCharacters())
                } else {
                    refusal.bytes += piece
                }
            })
        if !response.status.isSuccess {
            _ = try document(of: HTTPResponse(response.status, body: refusal.bytes))
        }
    }

    // MARK: - HTTP

    private func url(of path: ControlPath) -> String { "http://agent" + path.text }

    private func request(
        _ method: HTTPMethod, _ path: ControlPath, within limit: Duration?
    ) -> HTTPClientRequest {
        var request = HTTPClientRequest(method, url(of: path), timeout: limit)
        request.unixSocketPath = socket
        return request
    }

    private func ask(_ request: HTTPClientRequest) throws(ControlError) -> HTTPResponse {
        let body = PieceCollector()
        let response = try transfer(
            request, beginsWithin: nil, onHead: { _ in }, onPiece: { body.bytes += $1 })
        return HTTPResponse(response.status, headers: response.headers, body: body.bytes)
    }

    /// Runs one transfer to its end.
    private func transfer(
        _ request: HTTPClientRequest, beginsWithin limit: Duration?,
        onHead: @escaping (HTTPResponseHead) -> Void,
        onPiece: @escaping (HTTPResponseHead, [UInt8]) -> Void
    ) throws(ControlError) -> HTTPResponse {
        let result: Result<HTTPResponse, ControlError>
        do throws(UVError) {
            let loop = try Loop()
            let client = try HTTPClient(loop)
            defer {
                client.close()
                loop.close()
            }
            result = run(
                request, on: loop, client, beginsWithin: limit, onHead: onHead, onPiece: onPiece)
        } catch {
            throw .noAgent(socket: socket, reason: error.description)
        }
        return try result.get()
    }

    private func run(
        _ request: HTTPClientRequest, on loop: Loop, _ client: HTTPClient,
        beginsWithin limit: Duration?, onHead: @escaping (HTTPResponseHead) -> Void,
        onPiece: @escaping (HTTPResponseHead, [UInt8]) -> Void
    ) -> Result<HTTPResponse, ControlError> {
        var result: Result<HTTPResponse, ControlError>?
        var head: HTTPResponseHead?
        let notice = loop.after(patience) { onWaiting?("waits for the agent at \(socket)") }
        let silence = limit.map { limit in
            loop.after(limit) {
                result = .failure(.silent(socket: socket, waited: limit))
                loop.stop()
            }
        }
        client.stream(
            request,
            onHead: {
                notice.cancel()
                silence?.cancel()
                head = $0
                onHead($0)
            },
            onBody: { piece in if let head { onPiece(head, piece) } },
            completion: {
                result = $0.mapError { failure($0, within: request.timeout) }
                loop.stop()
            })
        while result == nil { loop.run() }
        return result ?? .failure(.unreadable("the transfer has no end"))
    }

    private func failure(_ error: HTTPClientError, within limit: Duration?) -> ControlError {
        if let group = Self.groupOfForbidden(socket) {
            return .forbidden(socket: socket, group: group.isEmpty ? nil : group)
        }
        let reason: String
        switch error.cause {
        case _ where access(socket, F_OK) != 0: reason = String(cString: strerror(errno))
        case .refused: reason = "nobody listens there"
        case .timedOut: return .silent(socket: socket, waited: limit ?? timeout)
        default: reason = error.detail
        }
        return .noAgent(socket: socket, reason: reason)
    }

    /// The group that may open the socket which this user may not, empty where the group has no name
    /// or may not either; nil where this user may.
    private static func groupOfForbidden(_ socket: String) -> String? {
        guard access(socket, R_OK | W_OK) != 0, errno == EACCES else { return nil }
        // Where the directory is closed, its group is the one that counts.
        let directory = socket.lastIndex(of: "/").map { String(socket[..<$0]) } ?? "."
        for path in [socket, directory] {
            var status = stat()
            guard stat(path, &status) == 0 else { continue }
            guard status.st_mode & 0o070 != 0, let group = getgrgid(status.st_gid) else {
                return ""
            }
            return String(cString: group.pointee.gr_name)
        }
        return ""
    }

    private func document(of response: HTTPResponse) throws(ControlError) -> JSONValue {
        let document: JSONValue
        do throws(JSONError) {
            document = try JSONValue(parsing: response.body)
        } catch {
            throw .unreadable("\(error) (HTTP status \(response.status))")
        }
        guard response.status.isSuccess else {
            throw .refused(
                message: document["error"]?.stringValue ?? "HTTP status \(response.status)",
                whatToDo: document["what_to_do"]?.stringValue,
                isMisuse: response.status == .badRequest
                    || document["unknown_name"]?.boolValue == true)
        }
        return document
    }
}

/// Bytes of a stream that are not handed on yet.
private final class PieceCollector {
    var bytes: [UInt8] = []

    /// Everything up to the last whole character: a piece may end within one.
    func takeWholeCharacters() -> String {
        var end = bytes.count
        if let start = bytes.lastIndex(where: { $0 & 0xC0 != 0x80 }), bytes.count - start < 4 {
            let length =
                switch bytes[start] {
                case 0xC0...0xDF: 2
                case 0xE0...0xEF: 3
                case 0xF0...0xF7: 4
                default: 1
                }
            if start + length > bytes.count { end = start }
        }
        let text = String(decoding: bytes[..<end], as: UTF8.self)
        bytes.removeFirst(end)
        return text
    }
}

/// The text as a query value: everything but RFC 3986's unreserved characters is escaped.
private func percentEncoded(_ text: String) -> String {
    text.utf8.map { byte in
        let character = Character(UnicodeScalar(byte))
        let isUnreserved =
            character.isASCII && (character.isLetter || character.isNumber)
            || "-._~".contains(character)
        guard !isUnreserved else { return String(character) }
        let digits = String(byte, radix: 16, uppercase: true)
        return "%" + (digits.count < 2 ? "0" : "") + digits
    }
    .joined()
}
