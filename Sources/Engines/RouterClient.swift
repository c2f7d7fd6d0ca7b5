// The router's own interface for its list of workers: `/workers` of sglang-router 0.3. Adding and
// removing are queued there, so that "accepted" says nothing of the outcome; the next list does.

public import Base
public import HTTP
public import Supervision

/// Talks to routers over HTTP.
public final class RouterClient {
    private let client: HTTPClient
    private static let timeLimit = Duration.seconds(5)

    public init(_ client: HTTPClient) {
        self.client = client
    }

    /// Makes one call and tells what came of it.
    public func send(
        _ call: RouterCall, to router: Endpoint, completion: @escaping (RouterAnswer) -> Void
    ) {
        client.send(Self.request(call, to: router)) { completion(Self.answer($0, to: call)) }
    }

    static func request(_ call: RouterCall, to router: Endpoint) -> HTTPClientRequest {
        let workers = "http://\(router)/workers"
        switch call {
        case .list: return HTTPClientRequest(.get, workers, timeout: timeLimit)
        case .remove(let identity, _):
            return HTTPClientRequest(.delete, "\(workers)/\(identity)", timeout: timeLimit)
        case .add(let worker):
            let kind = worker.role == .mixed ? "regular" : worker.role.rawValue
            var document = [
                JSONValue.Member("url", .string(worker.url)), .init("worker_type", .string(kind)),
            ]
            if let port = worker.bootstrapPort {
                document.append(.init("bootstrap_port", JSONValue(Int(port))))
            }
            return .json(.post, workers, .object(document), timeout: timeLimit)
        }
    }

    static func answer(
        _ result: Result<HTTPResponse, HTTPClientError>, to call: RouterCall
    ) -> RouterAnswer {
        let response: HTTPResponse
        switch result {
        case .success(let received): response = received
        case .failure(let error): return .failed(error.description)
        }
        guard response.status.isSuccess else {
            return .failed("HTTP \(response.status): \(response.bodyText.prefix(200))")
        }
        guard call == .list else { return .done }
        guard let list = (try? JSONValue(parsing: response.body))?["workers"]?.arrayValue else {
            return .failed("its list of workers cannot be read: \(response.bodyText.prefix(200))")
        }
        return .listed(
            list.compactMap { worker in
                guard let identity = worker["id"]?.stringValue, let url = worker["url"]?.stringValue
                else { return nil }
                return RouterAnswer.Listed(identity: identity, url: url)
            })
    }
}

@available(*, unavailable) extension RouterClient: Sendable {}
