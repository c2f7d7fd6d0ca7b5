// What is measured: the deployment that is up, as the agent tells it, and the profile whose benchmark
// and target count.

import Base
import HTTP
import Planning
import Profiles

/// A service, and by what it is judged.
struct BenchmarkTarget {
    /// Whose benchmark is run.
    let profile: Profile
    let modelPath: String
    let service: Endpoint
    let engine: EngineKind
    /// What runs, where it is another profile than the one that is judged by.
    let deployed: Profile
    /// `GET /v1/plan`; null without an agent.
    let plan: JSONValue

    /// A benchmark that can be shown and not run: its addresses are not known.
    init(withoutAgent profile: Profile, model: String?) {
        self.profile = profile
        deployed = profile
        modelPath = model ?? "<model>"
        let fixed = profile.router.map(\.host).flatMap { $0.contains("{") ? nil : $0 }
        let port = profile.router?.port ?? profile.role(.mixed)?.ports.http ?? 0
        service = Endpoint(
            host: fixed ?? (profile.router == nil ? "<node of rank 0>" : "<node of the router>"),
            port: UInt16(clamping: port))
        engine = .sglang
        plan = .null
    }

    /// - Throws: where no agent answers, or nothing serves.
    init(asking control: ControlClient, named: Profile?) throws(BenchmarkFailure) {
        do throws(ControlError) {
            let deployment = try control.get(ControlPath("/v1/deployment"))
            plan = try control.get(ControlPath("/v1/plan"))
            guard let kind = deployment["engine"].flatMap(EngineKind.init(json:)),
                let running = try? Profile.parse(
                    deployment.text("profile_yaml"), file: deployment.text("profile"))
            else { throw .unreadable("the deployment has no profile and engine known here") }
            engine = kind
            deployed = running
            profile = named ?? running
            modelPath = deployment.text("model_path")
        } catch {
            throw BenchmarkFailure(error.message, exitCode: error.exitCode)
        }
        guard let group = plan.servingGroup,
            let endpoint = Endpoint(url: group.text("url"), scheme: "http")
        else {
            throw BenchmarkFailure(
                "nothing serves: there is no plan yet",
                whatToDo: "`glm-agent status` tells what it waits for.", exitCode: .notReady)
        }
        service = endpoint
    }

    /// Whether it can be measured now and from here.
    /// - Throws: why not, and what to do.
    func check(_ control: ControlClient) throws(BenchmarkFailure) {
        let status: JSONValue
        do throws(ControlError) {
            status = try control.get(ControlPath("/v1/status"))
        } catch {
            throw BenchmarkFailure(error.message, exitCode: error.exitCode)
        }
        guard status["ready"]?.boolValue == true else {
            let reasons = (status["reasons"]?.arrayValue ?? []).compactMap(\.stringValue)
            throw BenchmarkFailure(
                "the deployment is not ready, so its figures would not be its own: "
                    + (reasons.first ?? "`glm-agent status` tells why"),
                whatToDo: "Wait until `glm-agent status` ends with 0.", exitCode: .notReady)
        }
        let rank = plan.servingGroup?["ranks"]?[0]
        let isElsewhere = rank?.text("node") != status.text("node")
        guard isElsewhere, service.host.hasPrefix("127."), rank?.text("address") != service.host
        else { return }
        throw BenchmarkFailure(
            "the router listens on \(service.host) of \(rank?.text("node") ?? "its node") alone",
            whatToDo: "Run the benchmark there, or let the router listen elsewhere: "
                + "`overrides: {router: {host: …}}`.")
    }

    /// The profile, which has a benchmark.
    func benchmarked() throws(BenchmarkFailure) -> Profile {
        guard profile.benchmark != nil else {
            throw BenchmarkFailure(
                "\(profile.name) has no benchmark",
                whatToDo: "Name a published profile with the load to be put on it: "
                    + "`glm-agent profiles` lists them.", exitCode: .usage)
        }
        return profile
    }

    func argv(of repaired: RepairedBenchmark) -> [String] {
        repaired.profile.benchmarkArguments(modelPath: modelPath, service: service) ?? []
    }

    func deviations(of repaired: RepairedBenchmark) -> [Deviation] {
        var repairs = repaired.repairs
        if let place = repairs.firstIndex(where: { $0.ours == "{model}" }) {
            let repair = repairs[place]
            repairs[place] = Deviation(
                place: repair.place, published: repair.published, ours: modelPath, why: repair.why)
        }
        return profile.benchmarkDeviations(modelPath: modelPath, service: service) + repairs
    }

    /// Whether the built-in engine answers: the agent's own, or one behind the operator's command.
    var isRehearsal: Bool {
        switch engine {
        case .rehearsal: return true
        case .sglang: return false
        case .command:
            let request = HTTPClientRequest(
                .get, "http://\(service)/get_model_info", timeout: .seconds(5))
            guard let response = try? HTTPClient.sendAndWait(request),
                let document = try? JSONValue(parsing: response.body)
            else { return false }
            return document["weight_version"] == "rehearsal"
        }
    }

    var engineName: String {
        switch engine {
        case .sglang: "sglang"
        case .rehearsal: "rehearsal"
        case .command: "command"
        }
    }
}
