// Asking an engine how it does. What a refusal or a 503 means depends on what is asked: an engine
// that loads refuses for half an hour, and one that served a minute ago must not. So the answer is
// told as it is, and judged by who asked.

public import Base
import EventLoop
public import HTTP

/// What is asked.
public enum ProbeQuestion: Hashable, Sendable, CaseIterable {
    /// Rank 0 of an engine group: does it serve? `/health` makes one token.
    case readiness
    /// The same engine later: does it still make a token?
    case liveness
    /// The bootstrap server of a prefill group, which listens before the model is loaded, and whose
    /// failure to bind SGLang only logs.
    case bootstrap
    /// The router: has it a worker of every kind? Its `/health` is no evidence.
    case router
    /// The router: does it answer at all?
    case routerLiveness

    var path: String {
        switch self {
        case .readiness: "/health"
        case .liveness: "/health_generate"
        case .bootstrap:
            "/route?prefill_dp_rank=-1&prefill_cp_rank=-1&target_tp_rank=-1&target_pp_rank=-1"
        case .router: "/readiness"
        case .routerLiveness: "/liveness"
        }
    }
}

/// What came back.
public enum ProbeAnswer: Hashable, Sendable {
    case answers
    /// It says itself that it is not ready yet (503).
    case starting(String)
    /// Its host says that nobody listens there.
    case refused
    /// No connection could be made to its host.
    case unreachable(String)
    /// It answered with an error, broke off, or did not answer in time.
    case failing(String)
}

/// Asks engines over HTTP.
public final class EngineProbe {
    private let client: HTTPClient
    private let timeLimit: Duration

    /// - Parameters:
    ///   - client: what asks.
    ///   - timeLimit: for one answer.
    public init(_ client: HTTPClient, timeLimit: Duration) {
        self.client = client
        self.timeLimit = timeLimit
    }

    /// Asks once.
    public func probe(
        _ question: ProbeQuestion, _ endpoint: Endpoint,
        completion: @escaping (ProbeAnswer) -> Void
    ) {
        let url = "http://\(endpoint)\(question.path)"
        client.send(HTTPClientRequest(.get, url, timeout: timeLimit)) { result in
            completion(Self.answer(result))
        }
    }

    static func answer(_ result: Result<HTTPResponse, HTTPClientError>) -> ProbeAnswer {
        switch result {
        case .success(let response) where response.status == .ok: .answers
        case .success(let response) where response.status == .serviceUnavailable:
            .starting(text(response))
        case .success(let response): .failing(text(response))
        case .failure(let error) where error.cause == .refused: .refused
        case .failure(let error) where error.cause == .unreachable: .unreachable(error.description)
        case .failure(let error): .failing(error.description)
        }
    }

    /// The status and the beginning of what was said with it.
    private static func text(_ response: HTTPResponse) -> String {
        let words = response.bodyText.prefix(200).split(whereSeparator: \.isNewline)
        return (["HTTP \(response.status)"] + words.map(String.init)).joined(separator: " ")
    }
}

@available(*, unavailable) extension EngineProbe: Sendable {}
