// Decode's side of the hand-over: who the prefill is, then the prompt of the room.

import Base
import HTTP

/// Fetches one prompt from the prefill that the router named.
enum PromptFetch {
    /// - Parameters:
    ///   - address: prefill and room, as the router put them into the request.
    ///   - stores: the transfer stores in which this decode has been registered; none where it
    ///     needs none.
    ///   - client: what to ask with.
    ///   - limit: how long to wait for the prompt.
    ///   - completion: given the prompt, or why there is none.
    static func start(
        _ address: BootstrapAddress, stores: [String], client: HTTPClient, within limit: Duration,
        completion: @escaping (Result<SequenceCache, RequestError>) -> Void
    ) {
        let base = "http://\(address.endpoint)"
        let anyRank = "prefill_dp_rank=-1&prefill_cp_rank=-1&target_tp_rank=-1&target_pp_rank=-1"
        ask(client, "\(base)/route?\(anyRank)", within: .seconds(5)) { answer in
            if case .failure(let error) = answer { return completion(.failure(error)) }
            ask(client, "\(base)/kv?room=\(address.room)", within: limit) { answer in
                completion(answer.flatMap { read($0, stores: stores) })
            }
        }
    }

    private static func read(
        _ response: HTTPResponse, stores: [String]
    ) -> Result<SequenceCache, RequestError> {
        guard let document = try? JSONValue(parsing: response.body),
            let handOver = HandOver(document)
        else { return .failure(failed("the prompt cannot be read")) }
        guard handOver.isMet(from: stores) else {
            return .failure(
                failed(
                    "prefill is registered in the transfer store "
                        + "\(handOver.stores.last ?? "none"), this decode in "
                        + "\(stores.last ?? "none")"))
        }
        return .success(handOver.cache)
    }

    private static func ask(
        _ client: HTTPClient, _ url: String, within limit: Duration,
        completion: @escaping (Result<HTTPResponse, RequestError>) -> Void
    ) {
        client.send(HTTPClientRequest(.get, url, timeout: limit)) { result in
            switch result {
            case .success(let response) where response.status.isSuccess:
                completion(.success(response))
            case .success(let response):
                completion(.failure(failed("\(url) answered \(response.status)")))
            case .failure(let error): completion(.failure(failed(error.description)))
            }
        }
    }

    private static func failed(_ why: String) -> RequestError {
        RequestError(status: 500, message: "Decode transfer failed: \(why)")
    }
}
