// Asks an agent over its control socket: HTTP on a Unix socket, as Protocols/control.md specifies.
// A command has one thread and one question, so it waits; agents never use this.

import Base
import Glibc
import HTTP

/// Why an agent gave no answer that can be used.
enum ControlError: Error, Hashable, Sendable {
    /// Nobody answers at the socket.
    case noAgent(socket: String, reason: String)
    /// The socket is there, or may be, and is not for this user.
    case forbidden(socket: String, group: String?)
    /// The agent answers that it cannot.
    case refused(message: String, whatToDo: String?)
    /// What came is not what the specification says.
    case unreadable(String)

    var exitCode: ExitCode {
        if case .noAgent = self { .noAgent } else { .failure }
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
        case .forbidden(let socket, let group):
            """
            permission denied at \(socket): this user may not ask the agent
              Do it as root\(group.map { ", or as a member of the group \($0)" } ?? "").
            """
        case .refused(let message, let whatToDo):
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
    /// How long a question may take; streams are not bounded by it.
    var timeout = Duration.seconds(10)

    init(socket: String) {
        self.socket = socket
    }

    /// - Throws: ``ControlError``
    func get(_ path: ControlPath) throws(ControlError) -> JSONValue {
        try document(of: send(request(.get, path)))
    }

    /// - Throws: ``ControlError``
    func post(_ path: ControlPath, _ body: JSONValue) throws(ControlError) -> JSONValue {
        var request = HTTPClientRequest.json(.post, url(of: path), body, timeout: timeout)
        request.unixSocketPath = socket
        return try document(of: send(request))
    }

    /// Hands on a streamed text as it comes, until the agent ends it.
    /// - Throws: ``ControlError``
    func stream(
        _ path: ControlPath, onText: @escaping (String) -> Void
    ) throws(ControlError) {
        var request = request(.get, path)
        request.timeout = nil
        // An error is a document of its own and comes in pieces too.
        let refusal = PieceCollector()
        let text = PieceCollector()
        let response: HTTPResponse
        do throws(HTTPClientError) {
            response = try HTTPClient.streamAndWait(request) { head, piece in
                if head.status.isSuccess {
                    text.bytes += piece
                    onText(text.takeWholeCharacters())
                } else {
                    refusal.bytes += piece
                }
                return true
            }
        } catch {
            throw failure(error)
        }
        if !response.status.isSuccess {
            _ = try document(of: HTTPResponse(response.status, body: refusal.bytes))
        }
    }

    // MARK: - HTTP

    private func url(of path: ControlPath) -> String { "http://agent" + path.text }

    private func request(_ method: HTTPMethod, _ path: ControlPath) -> HTTPClientRequest {
        var request = HTTPClientRequest(method, url(of: path), timeout: timeout)
        request.unixSocketPath = socket
        return request
    }

    private func send(_ request: HTTPClientRequest) throws(ControlError) -> HTTPResponse {
        do throws(HTTPClientError) {
            return try HTTPClient.sendAndWait(request)
        } catch {
            throw failure(error)
        }
    }

    private func failure(_ error: HTTPClientError) -> ControlError {
        if let group = Self.groupOfForbidden(socket) {
            return .forbidden(socket: socket, group: group.isEmpty ? nil : group)
        }
        let reason =
            switch error.cause {
            case _ where access(socket, F_OK) != 0: String(cString: strerror(errno))
            case .refused: "nobody listens there"
            case .timedOut: "it did not answer in time"
            default: error.detail
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
                whatToDo: document["what_to_do"]?.stringValue)
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
