// The calls as sglang-router takes them.

import Base
import HTTP
import Supervision
import Testing

@testable import Engines

extension EnginesTests {
    @Suite struct RouterClients {
        private let router = Endpoint(host: "127.0.0.1", port: 6688)

        @Test func `a prefill worker is added with its bootstrap port`() throws {
            let worker = RouterWorker(url: "http://a:8000", role: .prefill, bootstrapPort: 8998)
            let request = RouterClient.request(.add(worker), to: router)
            #expect(request.method == .post && request.url == "http://127.0.0.1:6688/workers")
            let body = try JSONValue(parsing: request.body)
            #expect(body["url"]?.stringValue == "http://a:8000")
            #expect(body["worker_type"]?.stringValue == "prefill")
            #expect(body["bootstrap_port"]?.integerValue == 8998)
        }

        @Test(arguments: [(Role.decode, "decode"), (.mixed, "regular")])
        func `other workers have a kind alone`(role: Role, kind: String) throws {
            let worker = RouterWorker(url: "http://a:8001", role: role, bootstrapPort: nil)
            let body = try JSONValue(parsing: RouterClient.request(.add(worker), to: router).body)
            #expect(body["worker_type"]?.stringValue == kind)
            #expect(body["bootstrap_port"] == nil)
        }

        @Test func `a worker is removed by its identity`() {
            let request = RouterClient.request(.remove(identity: "7", url: "http://a"), to: router)
            #expect(request.method == .delete)
            #expect(request.url == "http://127.0.0.1:6688/workers/7")
        }

        @Test func `a list is read, and one that is none is told`() {
            let body = #"{"workers":[{"id":"7","url":"http://a","load":0}],"total":1}"#
            let list = HTTPResponse.text(body)
            #expect(
                RouterClient.answer(.success(list), to: .list)
                    == .listed([.init(identity: "7", url: "http://a")]))
            guard case .failed = RouterClient.answer(.success(.text("no")), to: .list) else {
                Issue.record("no list was read as one")
                return
            }
        }

        @Test func `an order that is refused has failed`() {
            let refusal = HTTPResponse.text("no such worker", status: .notFound)
            let call = RouterCall.remove(identity: "7", url: "http://a")
            #expect(
                RouterClient.answer(.success(refusal), to: call)
                    == .failed("HTTP 404: no such worker"))
        }
    }
}
