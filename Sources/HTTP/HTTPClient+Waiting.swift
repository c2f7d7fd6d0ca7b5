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
}
