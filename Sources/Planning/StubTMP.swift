// TEMPORARY stand-in: delete this file (git rm) as soon as the real Profile and Planner are in your branch.
public import Base
public import Profiles
public enum Planner { public static func plan(profile: Profile, candidates: [Candidate], previous: Plan?, epoch: Epoch) -> Result<Plan, PlanFailure> { .failure(PlanFailure()) } }
public struct PlanFailure: Error {}
extension LaunchSpec { public static func make(profile: Profile, modelPath: String, group: PlannedGroup, rank: NodeRank, interface: String) -> LaunchSpec { fatalError() } }
