// The proof of a rehearsal: a completion that comes out only where every rank, size, port and address
// is right. What it must be is computed here, from the plan and the published arguments alone.

import Base
import HTTP
import Profiles

/// One completion and what it must be.
struct RehearsalAnswer {
    static let prompt = "From nine published recipes to a living cluster"
    static let tokenCount = 8

    /// Any of these is right: with several prefill groups, it depends on which of them read.
    let expected: [String]
    /// Where the completion is asked for.
    let url: String
    /// The name under which the model is served.
    let model: String

    /// - Parameters:
    ///   - site: what is deployed where.
    ///   - plan: what `GET /v1/plan` says.
    /// - Throws: where the plan does not fit the profile.
    init(site: RehearsalSite, plan: JSONValue) throws(RehearsalFailure) {
        guard let service = plan.servingGroup else {
            throw RehearsalFailure("the plan has nothing that serves: \(plan.compact)")
        }
        url = service.text("url") + "/v1/completions"
        let worlds = try PlannedWorlds(
            groups: plan["groups"]?.arrayValue ?? [], profile: site.profile,
            modelPath: RehearsalSite.modelPath)
        expected = worlds.answers(to: Self.prompt, tokens: Self.tokenCount)
        let names = site.profile.roles.flatMap { site.profile.arguments(of: $0) }
            .filter { $0.flag == "--served-model-name" }
        model = names.first?.values.first ?? RehearsalSite.modelPath
    }

    /// Asks for the completion.
    /// - Returns: the text that came.
    /// - Throws: why none came.
    func ask() throws(RehearsalFailure) -> String {
        let request = HTTPClientRequest.json(
            .post, url,
            [
                "model": .string(model), "prompt": .string(Self.prompt),
                "max_tokens": .integer(Int64(Self.tokenCount)), "temperature": 0,
            ])
        do {
            let response = try HTTPClient.sendAndWait(request)
            let document = try JSONValue(parsing: response.body)
            guard response.status.isSuccess,
                let text = document["choices"]?[0]?["text"]?.stringValue
            else {
                throw RehearsalFailure(
                    "\(url) answered \(response.status): \(response.bodyText.prefix(300))")
            }
            return text
        } catch let error as RehearsalFailure {
            throw error
        } catch {
            throw RehearsalFailure("\(error)")
        }
    }
}
