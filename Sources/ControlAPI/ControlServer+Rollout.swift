// `POST /v1/diff`: what a deployment would change, before anything is done.

import Base
import HTTP
import Node
import Planning
import WireProtocol

extension ControlServer {
    /// It names environment variables with their values, so only the operator is told.
    func difference(_ request: HTTPRequest, _ responder: HTTPResponder) {
        guard takesOrders else {
            return responder.fail(
                .forbidden, "differences are told over the control socket alone",
                whatToDo: "ask on the node, as who may open it")
        }
        let body = try? JSONValue(parsing: request.body)
        guard let deployment = body?["deployment"].flatMap(Deployment.init(json:)) else {
            return responder.fail(.badRequest, "the body has no deployment")
        }
        source.operate(.compare(deployment)) { answer in
            switch answer {
            case .document(let text):
                guard let document = try? JSONValue(parsing: text) else {
                    return responder.fail(.internalServerError, "the answer is no JSON")
                }
                responder.respond(.json(document))
            case .refused(_, let text, _): responder.fail(.badRequest, text)
            case .accepted, .log, .confirmed:
                responder.fail(.internalServerError, "it was answered with something else")
            }
        }
    }
}

extension Deployment {
    /// As `GET /v1/deployment` tells one; nil where it is none.
    init?(json: JSONValue) {
        guard let name = json["profile"]?.stringValue, let yaml = json["profile_yaml"]?.stringValue,
            let model = json["model_path"]?.stringValue,
            let engine = json["engine"].flatMap(EngineKind.init(json:))
        else { return nil }
        self.init(profileName: name, profileYAML: yaml, modelPath: model, engine: engine)
    }
}
