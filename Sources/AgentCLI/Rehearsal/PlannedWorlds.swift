// The worlds of toy engines that a plan makes: from them follow the answers that a right deployment
// gives. Computed from the plan and the published arguments alone.

import Base
import Planning
import Profiles
import RehearsalEngine

/// The shape of every engine group of a deployment.
struct PlannedWorlds {
    let prefills: [WorldShape]
    /// The world that writes: mixed, or decode.
    let last: WorldShape

    /// Sizes come from the arguments that each group is launched with, addresses from the committed plan.
    /// - Parameters:
    ///   - groups: of `GET /v1/plan`.
    ///   - profile: what the plan was made for.
    ///   - modelPath: the directory of the weights.
    /// - Throws: where they do not fit.
    init(groups: [JSONValue], profile: Profile, modelPath: String) throws(RehearsalFailure) {
        let engines = groups.filter { Role(rawValue: $0.text("role"))?.isEngine == true }
        let plan = try Self.plan(profile, over: engines)
        var shapes: [WorldShape] = []
        for group in engines {
            let name = GroupName(group.text("name"))
            guard plan.group(name) != nil else {
                throw RehearsalFailure("\(profile.name) has no group \(name)")
            }
            let spec = LaunchSpec.make(
                profile: profile, modelPath: modelPath, plan: plan, group: name, rank: .master,
                interface: "lo")
            let addresses = (group["ranks"]?.arrayValue ?? []).map { $0.text("address") }
            do throws(ArgumentError) {
                let words = Array(spec.argv.dropFirst(profile.command.count))
                shapes.append(try WorldShape(EngineArguments(parsing: words), nodes: addresses))
            } catch {
                throw RehearsalFailure("\(name): \(error)")
            }
        }
        guard let last = shapes.first(where: { $0.role != .prefill }) else {
            throw RehearsalFailure("the plan has nothing that writes")
        }
        self.last = last
        prefills = shapes.filter { $0.role == .prefill }
    }

    /// Any of these is right: with several prefill groups, it depends on which of them read.
    func answers(to prompt: String, tokens: Int) -> [String] {
        let first: [WorldShape?] = prefills.isEmpty ? [nil] : prefills.map { $0 }
        return first.map { prefill in
            KnownAnswer.expected(
                prompt: prompt, maxTokens: tokens, prefill: prefill, decodeOrMixed: last)
        }
    }

    /// Sizes do not depend on which node holds which rank, so any plan over these nodes will do.
    private static func plan(
        _ profile: Profile, over groups: [JSONValue]
    ) throws(RehearsalFailure) -> Plan {
        var candidates: [Candidate] = []
        for rank in groups.flatMap({ $0["ranks"]?.arrayValue ?? [] }) {
            let address = rank.text("address")
            guard !candidates.contains(where: { $0.address == address }) else { continue }
            candidates.append(
                Candidate(node: NodeID(address), address: address, isUsable: true))
        }
        do throws(PlanFailure) {
            return try Planner.plan(
                profile: profile, candidates: candidates, previous: nil, epoch: Epoch.none.next
            ).get()
        } catch {
            throw RehearsalFailure("\(profile.name) cannot be placed: \(error)")
        }
    }
}

extension JSONValue {
    /// Of `GET /v1/plan`: the group whose address clients are given; nil where nothing serves.
    var servingGroup: JSONValue? {
        let groups = self["groups"]?.arrayValue ?? []
        return groups.first { $0.text("role") == Role.router.rawValue }
            ?? groups.first { $0.text("role") == Role.mixed.rawValue }
    }
}
