// For the command line, which has nothing to do but wait: no loop, curl runs the transfer by itself.

import CCurl

extension HTTPClient {
    /// Sends a request and blocks the thread until the response is there. Not for the loop's
    /// thread.
    /// - Throws: why there is no response.
    public static func sendAndWait(
        _ request: HTTPClientRequest
    ) throws(HTTPClientError) -> HTTPResponse {
        let transfer = CurlTransfer(request, isStreamed: false)
        return try transfer.result(curl_easy_perform(transfer.easy)).get()
    }

    /// Sends a request and blocks the thread until the streamed response ends.
    /// - Parameters:
    ///   - request: what to send; usually one without a timeout.
    ///   - onBody: called with the head and each piece of the body; false ends the transfer.
    /// - Returns: the response, with an empty body.
    /// - Throws: why the response did not end properly; `other` when `onBody` ended it.
    public static func streamAndWait(
        _ request: HTTPClientRequest, onBody: @escaping (HTTPResponseHead, [UInt8]) -> Bool
    ) throws(HTTPClientError) -> HTTPResponse {
        let transfer = CurlTransfer(request, isStreamed: true)
        transfer.onProgress = { [unowned transfer] in
            guard let head = transfer.head else { return }
            if !onBody(head, transfer.takeBody()) { transfer.cut() }
        }
        return try transfer.result(curl_easy_perform(transfer.easy)).get()
    }
}
