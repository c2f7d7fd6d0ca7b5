// What the HTTP servers of engine, dummy and router have in common.

import Base
import HTTP

extension HTTPServerLimits {
    /// A prompt of 128K words is about a megabyte; the published benchmarks hold 320 connections.
    static var engine: HTTPServerLimits {
        var limits = HTTPServerLimits()
        limits.bodyBytes = 16 << 20
        limits.connections = 1024
        limits.idleTimeout = .seconds(3600)
        return limits
    }
}

/// `POST /rehearsal/fault` with `{"fault": "wedge"}`.
enum FaultEndpoint {
    /// - Parameters:
    ///   - request: names the fault.
    ///   - onFault: takes it; says whether it still makes sense.
    /// - Returns: 200, or why not.
    static func answer(_ request: HTTPRequest, _ onFault: (Fault) -> Bool) -> HTTPResponse {
        let body = try? JSONValue(parsing: request.body)
        guard let name = body?["fault"]?.stringValue, let fault = Fault(name) else {
            return .text("the body must be {\"fault\": …}\n", status: .badRequest)
        }
        guard onFault(fault) else {
            return .text("\(name) is too late for a running engine\n", status: .conflict)
        }
        return .text("")
    }
}
