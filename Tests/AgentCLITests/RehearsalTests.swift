// The parts of a rehearsal that need no cluster. The whole of it runs in EndToEndTests.

import Base
import ClusterState
import EventLoop
import Glibc
import Host
import Node
import Planning
import Profiles
import Testing
import YAML

@testable import AgentCLI
@testable import AgentRuntime

@Suite struct RehearsalTests {
    private func profile() throws -> Profile {
        try ProfileCatalog.profile(named: rehearsedByDefault)
    }

    private func temporaryDirectory() throws -> String {
        var template = Array("/tmp/glm-test-XXXXXX".utf8CString)
        let made = try #require(mkdtemp(&template))
        return String(cString: made)
    }

    // MARK: - Phases

    @Test func `a ready cluster has come through every phase`() {
        let statuses = [JSONValue?](repeating: StatusSamples.ready.json, count: 4)
        for phase in RehearsalPhase.allCases { #expect(phase.isReached(statuses), "\(phase)") }
    }

    @Test func `a node that does not answer holds every phase back, and is named`() {
        let statuses: [JSONValue?] = [StatusSamples.ready.json, .none]
        for phase in RehearsalPhase.allCases {
            #expect(!phase.isReached(statuses))
            #expect(phase.whatIsMissing(statuses, names: ["a", "b"]) == "no answer yet from b")
        }
    }

    @Test(arguments: RehearsalPhase.allCases)
    func `each phase looks at its own fact`(phase: RehearsalPhase) {
        var status = StatusSamples.ready
        switch phase {
        case .formed: status.members[2].state = "suspect"
        case .elected: status.leader = nil
        case .planned: status.groups = []
        case .launched: status.router?.pid = nil
        case .ready: status.ready = false
        }
        let statuses = [JSONValue?](repeating: status.json, count: 4)
        #expect(!phase.isReached(statuses))
        #expect(!phase.whatIsMissing(statuses, names: ["a", "b", "c", "d"]).isEmpty)
    }

    @Test func `two leaders are no election`() {
        var other = StatusSamples.ready
        other.leader = "node-3"
        #expect(!RehearsalPhase.elected.isReached([StatusSamples.ready.json, other.json]))
    }

    @Test func `a group or a router that has failed is given up, with its reason`() {
        #expect(RehearsalPhase.whatIsGivenUp([nil]) == nil)
        for sample in StatusSamples.all {
            #expect(RehearsalPhase.whatIsGivenUp([sample.status.json]) == nil, "\(sample.name)")
        }
        var status = StatusSamples.ready
        status.router?.state = "failed"
        status.router?.why = "5 failures in a row"
        let others: [JSONValue?] = [nil, StatusSamples.ready.json]
        #expect(
            RehearsalPhase.whatIsGivenUp(others + [status.json])
                == "router has failed: 5 failures in a row")
        status.groups[1].state = "failed"
        status.groups[1].why = "out of memory"
        #expect(
            RehearsalPhase.whatIsGivenUp([status.json]) == "decode-0 has failed: out of memory")
    }

    // MARK: - Site

    @Test(arguments: ProfileCatalog.names)
    func `every node's configuration is right for every published profile`(name: String) throws {
        let profile = try ProfileCatalog.profile(named: name)
        let directory = try temporaryDirectory()
        defer { try? Files.removeTree(directory) }
        let site = try RehearsalSite(
            directory: directory, profile: profile, nodeCount: profile.nodesNeeded)
        try site.prepare()
        for node in site.nodes {
            let configuration = try AgentConfiguration.load(node.configuration)
            #expect(configuration.ownNode == NodeID(node.name))
            #expect(configuration.nodes.map(\.address) == site.nodes.map(\.address))
            #expect(configuration.controlSocket == node.socket)
            #expect(configuration.engine == .rehearsal)
            #expect(configuration.hostTuning == .off)
            #expect(
                configuration.profile.environment.contains(
                    NamedValue("GLM_REHEARSAL_LOAD_SECONDS", "1")))
            #expect(try configuration.findOwnNode(on: .current()).interface == "lo")
        }
    }

    @Test func `an operator's own profile is rehearsed as it is`() throws {
        let own = try Profile.parse(
            "profile: mine\nextends: [\(rehearsedByDefault)]\nenvironment: {OURS: 1}\n",
            file: "mine.yaml")
        let directory = try temporaryDirectory()
        defer { try? Files.removeTree(directory) }
        let site = try RehearsalSite(directory: directory, profile: own, nodeCount: 4)
        try site.prepare()
        let configuration = try AgentConfiguration.load(site.nodes[0].configuration)
        #expect(configuration.profile.name == "mine")
        #expect(configuration.profile.environment.contains(NamedValue("OURS", "1")))
    }

    @Test func `a taken port moves the rehearsal to another network`() throws {
        let loop = try Loop()
        defer { loop.close() }
        let profile = try profile()
        let before = try RehearsalSite(directory: "/tmp/x", profile: profile, nodeCount: 4)
        let taken = Endpoint(host: before.nodes[3].address, port: 7600)
        let listener = try StreamListener(loop, on: taken) { $0.close() }
        let after = try RehearsalSite(directory: "/tmp/x", profile: profile, nodeCount: 4)
        #expect(after.nodes[3].address != before.nodes[3].address)
        withExtendedLifetime(listener) {}
    }

    @Test func `a path that no socket can have is refused before anything is written`() throws {
        let profile = try profile()
        let long = "/tmp/" + String(repeating: "x", count: 100)
        let failure = #expect(throws: RehearsalFailure.self) {
            try RehearsalSite(directory: long, profile: profile, nodeCount: 4)
        }
        #expect(failure?.reason.contains("--dir") == true)
    }

    // MARK: - Answer

    @Test(arguments: ProfileCatalog.names)
    func `the known answer follows from plan and profile`(name: String) throws {
        let profile = try ProfileCatalog.profile(named: name)
        let site = try RehearsalSite(
            directory: "/tmp/x", profile: profile, nodeCount: profile.nodesNeeded)
        let answer = try RehearsalAnswer(site: site, plan: plan(of: site))
        let prefills = profile.role(.prefill)?.groups ?? 1
        #expect(Set(answer.expected).count == prefills, "\(answer.expected)")
        #expect(answer.model == "glm-5")
        #expect(answer.url.hasSuffix("/v1/completions"))
        #expect(answer.expected.allSatisfy { !$0.isEmpty })
    }

    /// What `GET /v1/plan` says of the plan that puts groups on nodes in their order.
    private func plan(of site: RehearsalSite) -> JSONValue {
        var nodes = site.nodes[...]
        var groups: [JSONValue] = []
        for role in site.profile.roles {
            for index in 0..<role.groups {
                let holders = nodes.prefix(role.nodes)
                nodes = nodes.dropFirst(role.nodes)
                let ranks = holders.enumerated().map { rank, node -> JSONValue in
                    ["rank": .integer(Int64(rank)), "address": .string(node.address)]
                }
                groups.append([
                    "name": .string("\(role.role.rawValue)-\(index)"),
                    "role": .string(role.role.rawValue),
                    "url": .string("http://\(holders.first?.address ?? ""):8000"),
                    "ranks": .array(ranks),
                ])
            }
        }
        if site.profile.router != nil {
            groups.append(["name": "router", "role": "router", "url": "http://127.0.0.1:6688"])
        }
        return ["groups": .array(groups)]
    }

    @Test(arguments: [
        "rehearse --count 0", "rehearse --count many", "rehearse --timeout -1", "rehearse nothing",
        "rehearse --dir", "render", "render x --nodes a --interface b --model /c",
        "profiles show nothing", "profiles validate /nonexistent.yaml",
    ])
    func `wrong arguments start nothing`(line: String) {
        let (code, printed) = runLine(line)
        #expect(code == .usage, "\(printed.complaints)")
    }
}
