// The four published topologies, whole, and what each single wrong word does to them.

import Base
import EventLoop
import HTTP
import Testing

@testable import RehearsalEngine

private let prompt = "three small words more"
private let tokenCount = 6

private func shape(_ shard: PublishedShard, _ nodes: [String]) throws -> WorldShape {
    try WorldShape(EngineArguments(parsing: shard.argv), nodes: nodes)
}

private func expected(prefill: WorldShape?, _ decodeOrMixed: WorldShape) -> String {
    KnownAnswer.expected(
        prompt: prompt, maxTokens: tokenCount, prefill: prefill, decodeOrMixed: decodeOrMixed)
}

@Suite(.serialized) struct KnownAnswerLiveTests {
    @Test func `a mixed deployment gives the known answer, behind a router too`() throws {
        let deployment = try LiveDeployment(subnet: 1)
        let nodes = deployment.hosts(1...2)
        for rank in 0...1 { try deployment.launch(Published.mixed(nodes, rank: rank)) }
        deployment.waitUntilReady(1)
        let answer = expected(
            prefill: nil, try shape(Published.mixed(nodes, rank: 0), nodes))
        #expect(deployment.complete(nodes[0], 6688, prompt: prompt, tokens: tokenCount) == answer)
        try deployment.launchRouter(
            ["--worker-urls", "http://\(nodes[0]):6688", "--host", deployment.host(250)]
                + ["--port", "6688"])
        deployment.waitForRouter()
        #expect(deployment.completeThroughRouter(prompt: prompt, tokens: tokenCount) == answer)
    }

    @Test func `1P1D gives the known answer`() throws {
        let deployment = try LiveDeployment(subnet: 2)
        let (prefills, decodes) = (deployment.hosts(1...2), deployment.hosts(3...4))
        let store = prefills[0]
        for rank in 0...1 {
            try deployment.launch(Published.decode(decodes, rank: rank, store: store))
            try deployment.launch(Published.prefill(prefills, rank: rank, store: store))
        }
        try deployment.launchRouter(prefills: [(prefills[0], 8998)], decode: decodes[0])
        deployment.waitUntilReady(2)
        deployment.waitForRouter()
        let answer = expected(
            prefill: try shape(Published.prefill(prefills, rank: 0, store: store), prefills),
            try shape(Published.decode(decodes, rank: 0, store: store), decodes))
        for _ in 0..<2 {
            #expect(deployment.completeThroughRouter(prompt: prompt, tokens: tokenCount) == answer)
        }
        let streamed = deployment.post(
            deployment.host(250), 6688, "/v1/completions",
            ["prompt": .string(prompt), "max_tokens": JSONValue(tokenCount), "stream": true])
        let words = try streamed.bodyText.split(separator: "\n\n").dropLast().map { event in
            let document = try JSONValue(parsing: String(event.dropFirst(6)))
            return document["choices"]?[0]?["text"]?.stringValue ?? "?"
        }
        #expect(words.count == tokenCount)
        #expect(words.joined() == answer)
        #expect(streamed.bodyText.hasSuffix("data: [DONE]\n\n"))
    }

    @Test func `2P1D gives both known answers in turn`() throws {
        let deployment = try LiveDeployment(subnet: 3)
        let groups = [deployment.hosts(1...2), deployment.hosts(3...4)]
        let decodes = deployment.hosts(5...6)
        let store = groups[0][0]
        for (index, nodes) in groups.enumerated() {
            for rank in 0...1 {
                try deployment.launch(
                    Published.prefill(nodes, rank: rank, bootstrap: 8998 + index, store: store))
            }
        }
        for rank in 0...1 {
            try deployment.launch(Published.decode(decodes, rank: rank, store: store))
        }
        try deployment.launchRouter(
            prefills: [(groups[0][0], 8998), (groups[1][0], 8999)], decode: decodes[0])
        deployment.waitUntilReady(3)
        deployment.wait("both prefills") {
            deployment.get(deployment.host(250), 6688, "/readiness").bodyText.contains(
                "\"healthy_workers\":3")
        }
        let decode = try shape(Published.decode(decodes, rank: 0, store: store), decodes)
        let answers = try groups.map { nodes in
            expected(
                prefill: try shape(Published.prefill(nodes, rank: 0, store: store), nodes), decode)
        }
        let got = (0..<4).map { _ in
            deployment.completeThroughRouter(prompt: prompt, tokens: tokenCount)
        }
        #expect(Set(got) == Set(answers))
        #expect(got[0] == got[2] && got[1] == got[3] && got[0] != got[1])
    }

    @Test func `4P1D gives four known answers, also over a decode of four nodes`() throws {
        let deployment = try LiveDeployment(subnet: 4)
        let (prefills, decodes) = (deployment.hosts(1...4), deployment.hosts(5...8))
        let store = prefills[0]
        for (index, host) in prefills.enumerated() {
            try deployment.launch(
                Published.lonePrefill(host, bootstrap: 8998 + index, store: store))
        }
        for rank in 0...3 {
            try deployment.launch(Published.decode(decodes, rank: rank, store: store))
        }
        try deployment.launchRouter(
            prefills: prefills.enumerated().map { ($1, 8998 + $0) }, decode: decodes[0])
        deployment.waitUntilReady(5)
        deployment.wait("all workers") {
            deployment.get(deployment.host(250), 6688, "/readiness").bodyText.contains(
                "\"healthy_workers\":5")
        }
        let decode = try shape(Published.decode(decodes, rank: 0, store: store), decodes)
        let answers = try prefills.map { host in
            let shard = Published.lonePrefill(host, bootstrap: 8998, store: store)
            return expected(prefill: try shape(shard, [host]), decode)
        }
        let got = (0..<4).map { _ in
            deployment.completeThroughRouter(prompt: prompt, tokens: tokenCount)
        }
        #expect(Set(got) == Set(answers))
    }

    @Test func `exchanged node ranks change the answer`() throws {
        let deployment = try LiveDeployment(subnet: 5)
        let nodes = deployment.hosts(1...4)
        let store = deployment.host(9)
        let order = [0, 2, 1, 3]
        var world: [String] = []
        for rank in 0...3 {
            let place = order[rank]
            world.append(nodes[place])
            try deployment.launch(
                Published.decode(nodes, rank: place, store: store)
                    .with("--node-rank", String(rank)).with("--disaggregation-mode", "null"))
        }
        deployment.waitUntilReady(1)
        let shard = Published.decode(nodes, rank: 0, store: store)
            .with("--disaggregation-mode", "null")
        let got = deployment.complete(nodes[0], 8001, prompt: prompt, tokens: tokenCount)
        #expect(got != expected(prefill: nil, try shape(shard, nodes)))
        #expect(got == expected(prefill: nil, try shape(shard, world)))
    }

    /// One wrong word in an otherwise right 1P1D deployment; `none` is the control.
    enum Mistake: String, CaseIterable, Sendable {
        case none, wrongHTTPPort, sameRankTwice, wrongSize, wrongRole
        case wrongMeetingPort, wrongMeetingAddress
        case wrongStoreAddress, wrongStorePort, wrongBootstrapPort, wrongBootstrapAddress
        case secondNodeAsDecode, rankOutside, foreignMaster

        /// What shows it, in a log or in the answer. Without it no answer proves nothing: it may
        /// only have been late.
        var symptom: String {
            switch self {
            case .none: "ready to roll"
            case .wrongHTTPPort: "No available workers"
            case .sameRankTwice: "Port 5001 is already in use"
            case .wrongSize: "sizes differ: node rank 1 has decode tp=64"
            case .wrongRole: "sizes differ: node rank 1 has prefill"
            case .wrongMeetingPort: ":5007 does not answer (connection refused)"
            case .wrongMeetingAddress: "node rank 1 is there already"
            case .wrongStoreAddress: "Nobody answers at tcp://127.77.\(subnet).3:24670"
            case .wrongStorePort: "Nobody answers at tcp://127.77.\(subnet).1:24671"
            case .wrongBootstrapPort: ":8999/route"
            case .wrongBootstrapAddress, .secondNodeAsDecode: "answer: 404"
            case .rankOutside: "node rank 2 is outside the 2 nodes of this world"
            case .foreignMaster: ".4:5000: this node is 127.77.\(subnet).3"
            }
        }

        var subnet: Int { 20 + (Self.allCases.firstIndex(of: self) ?? 0) }
    }

    @Test(arguments: Mistake.allCases)
    func `one wrong word never gives the known answer, and none does`(mistake: Mistake) throws {
        let deployment = try LiveDeployment(subnet: mistake.subnet)
        let (prefills, decodes) = (deployment.hosts(1...2), deployment.hosts(3...4))
        let store = prefills[0]
        var shards = [
            Published.prefill(prefills, rank: 0, store: store),
            Published.prefill(prefills, rank: 1, store: store),
            Published.decode(decodes, rank: 0, store: store),
            Published.decode(decodes, rank: 1, store: store),
        ]
        var router = (prefill: prefills[0], bootstrap: 8998, decode: decodes[0])
        switch mistake {
        case .none: break
        case .wrongHTTPPort: shards[2] = shards[2].with("--port", "8002")
        case .sameRankTwice: shards[3] = shards[3].with("--node-rank", "0")
        case .rankOutside: shards[3] = shards[3].with("--node-rank", "2")
        case .wrongSize: shards[3] = shards[3].with("--tp-size", "64")
        case .wrongRole: shards[3] = shards[3].with("--disaggregation-mode", "prefill")
        case .wrongMeetingPort:
            shards[3] = shards[3].with("--dist-init-addr", "\(decodes[0]):5007")
        case .wrongMeetingAddress:
            shards[3] = shards[3].with("--dist-init-addr", "\(prefills[0]):5000")
        case .foreignMaster:
            shards[2] = shards[2].with("--dist-init-addr", "\(decodes[1]):5000")
        case .wrongStoreAddress:
            shards[2] = shards[2].with(
                environment: "ASCEND_MF_STORE_URL", "tcp://\(decodes[0]):24670")
        case .wrongStorePort:
            shards[1] = shards[1].with(
                environment: "ASCEND_MF_STORE_URL", "tcp://\(prefills[0]):24671")
        case .wrongBootstrapPort: router.bootstrap = 8999
        case .wrongBootstrapAddress: router.prefill = prefills[1]
        case .secondNodeAsDecode: router.decode = decodes[1]
        }
        let right = expected(
            prefill: try shape(Published.prefill(prefills, rank: 0, store: store), prefills),
            try shape(Published.decode(decodes, rank: 0, store: store), decodes))
        for shard in shards { try deployment.launch(shard.with("--dist-timeout", "2")) }
        try deployment.launchRouter(
            prefills: [(router.prefill, router.bootstrap)], decode: router.decode)
        deployment.wait("\(mistake.rawValue) to take effect") {
            let answers = deployment.get(deployment.host(250), 6688, "/readiness").status.code
            return answers == 200 || deployment.exits.count >= 2
                || (mistake == .wrongHTTPPort && isReadyBut(8002, deployment))
        }
        let got = deployment.completeThroughRouter(prompt: prompt, tokens: tokenCount)
        guard mistake != .none else {
            #expect(got == right)
            return
        }
        #expect(got != right, "\(mistake.rawValue) went unnoticed")
        let isError = ["404", "5"].contains { got.hasPrefix($0) }
        #expect(isError, "\(mistake.rawValue) gave \(got)")
        let evidence = deployment.log(last: 1000) + "\nanswer: \(got)"
        #expect(evidence.contains(mistake.symptom), "\(mistake.rawValue): \(evidence)")
        if mistake == .wrongHTTPPort { heal(deployment, decodes[0], 8002, gives: right) }
    }

    /// Whether both groups serve, the decode where the router does not look, and the router has
    /// found the prefill.
    private func isReadyBut(_ port: Int, _ deployment: LiveDeployment) -> Bool {
        deployment.lines.count { $0.contains("ready to roll") } == 2
            && deployment.hasLogged(":\(port)") && deployment.hasLogged("is healthy")
    }

    /// Told the port, the router gives the right answer: nothing else was missing.
    private func heal(
        _ deployment: LiveDeployment, _ decode: String, _ port: Int, gives right: String
    ) {
        let added = deployment.post(
            deployment.host(250), 6688, "/workers",
            ["url": .string("http://\(decode):\(port)"), "worker_type": "decode"])
        #expect(added.status.code == 202)
        deployment.waitForRouter()
        #expect(deployment.completeThroughRouter(prompt: prompt, tokens: tokenCount) == right)
    }
}
