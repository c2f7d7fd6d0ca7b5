// One request as curl's "easy handle", and the response as it comes in. It is driven by a client in
// the loop, or, for the command line, by curl alone.
//
// The policy stands in `configure`: no proxy, whatever the environment says; no redirect; no signal;
// plain HTTP/1.1; a fresh connection for every request, since a probe must not meet a connection
// that its server has meanwhile closed, and a POST must not be sent twice by a retry.

import Base
import CCurl
import Glibc

/// The head of a response whose body is streamed.
public struct HTTPResponseHead: Sendable {
    public let status: HTTPStatus
    public let headers: HTTPHeaders
}

/// A transfer. Frees its handle when dropped, which must not stand in a multi handle then.
final class CurlTransfer {
    /// curl's handle.
    let easy: UnsafeMutableRawPointer
    /// nil until the head is complete.
    private(set) var head: HTTPResponseHead?
    /// Called in the midst of curl whenever something has come in.
    var onProgress: (() -> Void)?

    private let request: HTTPClientRequest
    private let bodyLimit: Int
    private let errorText: UnsafeMutablePointer<CChar>
    private var fields: UnsafeMutablePointer<curl_slist>?
    private var status = 0
    private var headers = HTTPHeaders()
    private var headerBytes = 0
    private var body: [UInt8] = []
    private var isTooLarge = false

    private static let headerLimitBytes = 64 << 10
    private static let isCurlReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    /// - Parameters:
    ///   - request: what to send.
    ///   - isStreamed: whether the body is taken piece by piece.
    init(_ request: HTTPClientRequest, isStreamed: Bool) {
        guard Self.isCurlReady, let easy = curl_easy_init() else {
            fatalError("no memory for a curl handle for \(request.url)")
        }
        self.easy = easy
        self.request = request
        bodyLimit = isStreamed ? .max : request.responseLimitBytes
        errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        configure()
        configureRequest()
    }

    deinit {
        curl_easy_cleanup(easy)
        curl_slist_free_all(fields)
        errorText.deallocate()
    }

    /// What came of it, given curl's verdict.
    func result(_ code: CURLcode) -> Result<HTTPResponse, HTTPClientError> {
        guard code == CURLE_OK, let head else {
            return .failure(error(code == CURLE_OK ? CURLE_GOT_NOTHING : code))
        }
        return .success(HTTPResponse(head.status, headers: head.headers, body: body))
    }

    /// The body that came in since the last call.
    func takeBody() -> [UInt8] {
        defer { body = [] }
        return body
    }

    // MARK: - Setting up

    private func configure() {
        let context = Unmanaged.passUnretained(self).toOpaque()
        ccurl_set_string(easy, CURLOPT_PROXY, "")
        ccurl_set_string(easy, CURLOPT_NOPROXY, "*")
        ccurl_set_string(easy, CURLOPT_PROTOCOLS_STR, "http")
        ccurl_set_long(easy, CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        ccurl_set_long(easy, CURLOPT_FOLLOWLOCATION, 0)
        ccurl_set_long(easy, CURLOPT_NOSIGNAL, 1)
        ccurl_set_long(easy, CURLOPT_FRESH_CONNECT, 1)
        ccurl_set_long(easy, CURLOPT_FORBID_REUSE, 1)
        ccurl_set_close_on_exec(easy)
        ccurl_set_pointer(easy, CURLOPT_ERRORBUFFER, errorText)
        ccurl_set_pointer(easy, CURLOPT_PRIVATE, context)
        ccurl_set_pointer(easy, CURLOPT_HEADERDATA, context)
        ccurl_set_pointer(easy, CURLOPT_WRITEDATA, context)
        ccurl_set_sink(easy, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
            CurlTransfer.of(context)?.receiveHeader(bytes, size * count) ?? 0
        }
        ccurl_set_sink(easy, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
            CurlTransfer.of(context)?.receiveBody(bytes, size * count) ?? 0
        }
    }

    private func configureRequest() {
        ccurl_set_string(easy, CURLOPT_URL, request.url)
        ccurl_set_long(
            easy, CURLOPT_TIMEOUT_MS, request.timeout.map(Self.milliseconds) ?? 0)
        ccurl_set_long(
            easy, CURLOPT_CONNECTTIMEOUT_MS, Self.milliseconds(request.connectTimeout))
        if let path = request.unixSocketPath {
            ccurl_set_string(easy, CURLOPT_UNIX_SOCKET_PATH, path)
        }
        if let address = request.localAddress {
            ccurl_set_string(easy, CURLOPT_INTERFACE, "host!\(address)")
        }
        if request.method == .head {
            ccurl_set_long(easy, CURLOPT_NOBODY, 1)
        } else if !request.body.isEmpty || request.method == .post {
            ccurl_set_offset(easy, CURLOPT_POSTFIELDSIZE_LARGE, request.body.count)
            _ = request.body.withUnsafeBytes {
                // An empty array may have no address; curl would then ask a callback for the body.
                ccurl_set_pointer(easy, CURLOPT_COPYPOSTFIELDS, $0.baseAddress ?? .init(errorText))
            }
        }
        ccurl_set_string(easy, CURLOPT_CUSTOMREQUEST, request.method.rawValue)
        configureFields()
    }

    private func configureFields() {
        for field in request.headers.fields {
            // curl's notation for a field that is there and empty.
            let text = field.value.isEmpty ? "\(field.name);" : "\(field.name): \(field.value)"
            fields = curl_slist_append(fields, text)
        }
        // Fields that curl adds to a request with a body: a guessed type, and the question whether
        // the body is welcome, which costs a second where a server does not answer it.
        if request.headers["Content-Type"] == nil {
            fields = curl_slist_append(fields, "Content-Type:")
        }
        fields = curl_slist_append(fields, "Expect:")
        ccurl_set_pointer(easy, CURLOPT_HTTPHEADER, fields)
    }

    /// At least one millisecond, since zero means "without end" to curl.
    private static func milliseconds(_ duration: Duration) -> Int {
        max(1, Int(clamping: duration.millisecondsRoundedUp))
    }

    // MARK: - Called by curl

    static func of(_ context: UnsafeMutableRawPointer?) -> CurlTransfer? {
        context.map { Unmanaged<CurlTransfer>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Takes one line of the head. Returning less than its length makes curl give up.
    private func receiveHeader(_ bytes: UnsafePointer<CChar>?, _ count: Int) -> Int {
        headerBytes += count
        guard headerBytes <= Self.headerLimitBytes else {
            isTooLarge = true
            return 0
        }
        // What follows the body are trailers, which nobody here reads.
        guard head == nil else { return count }
        let raw = UnsafeRawBufferPointer(start: bytes, count: count)
        var line = Substring(decoding: raw, as: UTF8.self)
        while line.last?.isNewline == true { line.removeLast() }
        if line.hasPrefix("HTTP/") {
            // A new head: the one before it was interim, such as 100.
            headers = HTTPHeaders()
            status = line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        } else if line.isEmpty {
            guard status >= 200 else { return count }
            head = HTTPResponseHead(status: HTTPStatus(status), headers: headers)
            onProgress?()
            return count
        } else if let colon = line.firstIndex(of: ":") {
            let value = line[line.index(after: colon)...]
            headers.append(String(line[..<colon]), trimmed(value))
        }
        return count
    }

    private func receiveBody(_ bytes: UnsafePointer<CChar>?, _ count: Int) -> Int {
        guard body.count + count <= bodyLimit else {
            isTooLarge = true
            return 0
        }
        body.append(contentsOf: UnsafeRawBufferPointer(start: bytes, count: count))
        onProgress?()
        return count
    }

    // MARK: - Errors

    private func error(_ code: CURLcode) -> HTTPClientError {
        let text = String(cString: errorText)
        var detail = text.isEmpty ? String(cString: curl_easy_strerror(code)) : text
        if isTooLarge { detail = "over \(bodyLimit) bytes of body, or too many headers" }
        if let path = request.unixSocketPath { detail += ", Unix socket \(path)" }
        return HTTPClientError(
            cause: cause(code), method: request.method, url: request.url, detail: detail)
    }

    private func cause(_ code: CURLcode) -> HTTPClientError.Cause {
        if isTooLarge { return .tooLarge }
        return switch code {
        case CURLE_COULDNT_CONNECT:
            switch Int32(ccurl_get_long(easy, CURLINFO_OS_ERRNO)) {
            case ECONNREFUSED, ENOENT: .refused
            default: .unreachable
            }
        case CURLE_OPERATION_TIMEDOUT where ccurl_has_connected(easy) == 0: .unreachable
        case CURLE_OPERATION_TIMEDOUT: .timedOut
        case CURLE_COULDNT_RESOLVE_HOST: .unresolved
        case CURLE_GOT_NOTHING, CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_PARTIAL_FILE: .reset
        default: .other
        }
    }
}

@available(*, unavailable) extension CurlTransfer: Sendable {}

private func trimmed(_ text: Substring) -> String {
    let isSpace = { (character: Character) in character == " " || character == "\t" }
    let front = text.drop(while: isSpace)
    guard let last = front.lastIndex(where: { !isSpace($0) }) else { return "" }
    return String(front[...last])
}
