// `POST /v1/members`: an operator changes who the nodes of the cluster are.

import Base
import ClusterState
import EventLoop
import HTTP
import Node
import WireProtocol

extension ControlServer {
    func orderMembers(_ request: HTTPRequest, _ responder: HTTPResponder) {
        guard mayOrder(responder) else { return }
        let body: JSONValue
        do {
            body = try JSONValue(parsing: request.body)
        } catch {
            return responder.fail(.badRequest, "the body is \(error)")
        }
        switch MembersOrder.parse(body) {
        case .success(let order): give(.members(order), of: request, body, responder)
        case .failure(let mistake):
            responder.fail(
                .badRequest, mistake.text, whatToDo: "`glm-agent members add --help` tells more")
        }
    }
}

/// What is wrong with the body of an order.
struct OrderMistake: Error {
    let text: String
}

extension MembersOrder {
    /// Reads `{"order": "add", "node": "node-5", "address": "10.0.0.5"}` and the like.
    static func parse(_ body: JSONValue) -> Result<MembersOrder, OrderMistake> {
        guard let name = body["node"]?.stringValue, name.isSafeName else {
            return .failure(
                OrderMistake(
                    text:
                        "\"node\" must be a name of letters, digits, dots, hyphens and underscores")
            )
        }
        let node = NodeID(name)
        switch body["order"]?.stringValue {
        case "add": return adding(node, body)
        case "remove":
            let isForced = body["force"]?.boolValue ?? false
            return .success(.remove(node, isForced: isForced))
        case "promote": return .success(.promote(node))
        case "demote": return .success(.demote(node))
        case "lead": return .success(.lead(node))
        default:
            return .failure(
                OrderMistake(
                    text: "\"order\" must be add, remove, promote, demote or lead"))
        }
    }

    private static func adding(
        _ node: NodeID, _ body: JSONValue
    ) -> Result<MembersOrder, OrderMistake> {
        let text = body["address"]?.stringValue ?? ""
        do throws(UVError) {
            let endpoint = try Endpoint(host: text, port: 1).canonical()
            return .success(
                .add(
                    ConfiguredNode(
                        node: node, address: endpoint.host,
                        superPod: body["super_pod"]?.stringValue)))
        } catch {
            return .failure(
                OrderMistake(
                    text:
                        "\"\(text)\" is no IPv4 or IPv6 address; engines are started with addresses, "
                        + "not names"))
        }
    }
}
