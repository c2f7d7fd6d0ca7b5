// The proof of a rehearsal: a completion that comes out only where every rank, size, port and address
// is right. What it must be is computed here, from the plan and the published arguments alone.

import Base
import HTTP
import Planning
import Profiles
import RehearsalEngine

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
        let groups = plan["groups"]?.arrayValue ?? []
        let shapes = try Self.shapes(of: groups, site: site)
        guard
            let service = groups.first(where: { $0.text("role") == Role.router.rawValue })
                ?? groups.first(where: { $0.text("role") == Role.mixed.rawValue }),
            let last = shapes.first(where: { $0.role != .prefill })
        else { throw RehearsalFailure("the plan has nothing that serves: \(plan.compact)") }
        url = service.text("url") + "/v1/completions"
        let prefills = shapes.filter { $0.role == .prefill }
        let first: [WorldShape?] = prefills.isEmpty ? [nil] : prefills.map { $0 }
        expected = first.map { prefill in
            KnownAnswer.expected(
                prompt: Self.prompt, maxTokens: Self.tokenCount, prefill: prefill,
                decodeOrMixed: last)
        }
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

    /// The shape of each engine group: sizes from the arguments that it is launched with, addresses
    /// from the committed plan.
    private static func shapes(
        of groups: [JSONValue], site: RehearsalSite
    ) throws(RehearsalFailure) -> [WorldShape] {
        let plan: Plan
        do throws(PlanFailure) {
            plan = try Planner.plan(
                profile: site.profile, candidates: site.candidates, previous: nil,
                epoch: Epoch.none.next
            ).get()
        } catch {
            throw RehearsalFailure("\(site.profile.name) cannot be placed: \(error)")
        }
        var shapes: [WorldShape] = []
        for group in groups where Role(rawValue: group.text("role"))?.isEngine == true {
            let name = GroupName(group.text("name"))
            guard plan.group(name) != nil else {
                throw RehearsalFailure("\(site.profile.name) has no group \(name)")
            }
            let spec = LaunchSpec.make(
                profile: site.profile, modelPath: RehearsalSite.modelPath, plan: plan, group: name,
                rank: .master, interface: "lo")
            let addresses = (group["ranks"]?.arrayValue ?? []).map { $0.text("address") }
            do throws(ArgumentError) {
                let words = Array(spec.argv.dropFirst(site.profile.command.count))
                shapes.append(try WorldShape(EngineArguments(parsing: words), nodes: addresses))
            } catch {
                throw RehearsalFailure("\(name): \(error)")
            }
        }
        return shapes
    }
}

extension RehearsalSite {
    /// The nodes as a planner knows them.
    fileprivate var candidates: [Candidate] {
        nodes.map { Candidate(node: NodeID($0.name), address: $0.address, isUsable: true) }
    }
}
