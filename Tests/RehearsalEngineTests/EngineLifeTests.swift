// What an agent can see of an engine from its start to its end.

import Base
import EventLoop
import Glibc
import HTTP
import Testing

@testable import RehearsalEngine

@Suite(.serialized) struct EngineLifeTests {
    /// A two-node mixed world; every value is for both ranks unless it names one.
    private func launch(
        _ deployment: LiveDeployment, _ environment: [String: String] = [:],
        rank0: [String: String] = [:], rank1: [String: String] = [:]
    ) throws {
        let nodes = deployment.hosts(1...2)
        for (rank, own) in [rank0, rank1].enumerated() {
            var shard = Published.mixed(nodes, rank: rank)
            for (name, value) in environment.merging(own, uniquingKeysWith: { $1 }) {
                shard = shard.with(environment: name, value)
            }
            try deployment.launch(shard)
        }
    }

    @Test func `rank 1 is healthy before rank 0 has opened, and after it has died`() throws {
        let deployment = try LiveDeployment(subnet: 40)
        try launch(
            deployment, ["GLM_REHEARSAL_PEER_LOSS": "hang"],
            rank0: ["GLM_REHEARSAL_LOAD_SECONDS": "1.5"])
        deployment.wait("rank 1's dummy") {
            deployment.get(deployment.host(2), 6688, "/health").status.code == 200
        }
        #expect(deployment.get(deployment.host(1), 6688, "/health").status.code == 0)
        for path in ["/health_generate", "/ping"] {
            #expect(deployment.get(deployment.host(2), 6688, path).status.code == 200)
        }
        #expect(deployment.get(deployment.host(2), 6688, "/model_info").status.code == 404)
        deployment.waitUntilReady(1)
        #expect(deployment.get(deployment.host(1), 6688, "/health").status.code == 200)
        deployment.engines[0].stop()
        deployment.wait("rank 1 notices") { deployment.hasLogged("lost node rank 0") }
        #expect(deployment.get(deployment.host(2), 6688, "/health").status.code == 200)
    }

    @Test func `rank 0 answers 503 while it warms up`() throws {
        let deployment = try LiveDeployment(subnet: 41)
        try launch(deployment, ["GLM_REHEARSAL_WARMUP_SECONDS": "1"])
        deployment.wait("an open port") {
            deployment.get(deployment.host(1), 6688, "/health").status.code != 0
        }
        #expect(deployment.get(deployment.host(1), 6688, "/health").status.code == 503)
        #expect(
            deployment.complete(deployment.host(1), 6688, prompt: "a", tokens: 1)
                .hasPrefix("503"))
        #expect(!deployment.hasLogged("ready to roll"))
        deployment.waitUntilReady(1)
        #expect(deployment.get(deployment.host(1), 6688, "/health").status.code == 200)
    }

    @Test(arguments: [0, 1])
    func `the loss of one rank kills the other within a second`(lost: Int) throws {
        let deployment = try LiveDeployment(subnet: 42 + lost)
        try launch(deployment)
        deployment.waitUntilReady(1)
        deployment.engines[lost].stop()
        deployment.wait("the other's end", within: .seconds(1)) {
            deployment.exits[1 - lost] == .killed
        }
        #expect(deployment.get(deployment.host(1), 6688, "/health").status.code == 0)
    }

    @Test func `a rank that hangs shows as 503 of rank 0 after the health timeout`() throws {
        let deployment = try LiveDeployment(subnet: 44)
        try launch(deployment, ["SGLANG_HEALTH_CHECK_TIMEOUT": "0.3"])
        deployment.waitUntilReady(1)
        let fault = deployment.post(
            deployment.host(2), 6688, "/rehearsal/fault", ["fault": "wedge"])
        #expect(fault.status.code == 200)
        #expect(deployment.get(deployment.host(1), 6688, "/health").status.code == 503)
        #expect(deployment.get(deployment.host(2), 6688, "/health").status.code == 200)
        #expect(deployment.get(deployment.host(1), 6688, "/model_info").status.code == 200)
        #expect(deployment.exits.isEmpty)
    }

    // MARK: - Faults

    @Test func `faults hit whom they are meant for`() throws {
        let deployment = try LiveDeployment(subnet: 45)
        let target = "crash-at-start@\(deployment.host(2))/mixed, leak-child/decode"
        try launch(
            deployment, ["GLM_REHEARSAL_FAULT": target.replacing(" ", with: "")])
        #expect(deployment.exits == [1: .code(1)])
        #expect(deployment.spawned.isEmpty)
    }

    @Test func `a crash after some time takes the world with it`() throws {
        let deployment = try LiveDeployment(subnet: 46)
        let host = deployment.host(1)
        try launch(deployment, ["GLM_REHEARSAL_FAULT": "crash-after:0.8@\(host):6688"])
        deployment.waitUntilReady(1)
        deployment.wait("both ends") { deployment.exits == [0: .killed, 1: .killed] }
    }

    @Test func `a rank that hangs in load keeps rank 0 closed`() throws {
        let deployment = try LiveDeployment(subnet: 47)
        try launch(deployment, rank1: ["GLM_REHEARSAL_FAULT": "hang-in-load,leak-child,hold-port"])
        deployment.wait("the fault") { deployment.hasLogged("told to hang in load") }
        _ = deployment.loop.run(within: .milliseconds(500)) { false }
        #expect(deployment.get(deployment.host(1), 6688, "/health").status.code == 0)
        #expect(deployment.get(deployment.host(2), 6688, "/health").status.code == 0)
        #expect(
            deployment.spawned == [["leaked-child"], ["port-holder", deployment.host(2), "6688"]])
    }

    @Test func `what is no fault is refused`() throws {
        let deployment = try LiveDeployment(subnet: 48)
        for text in ["explode", "crash-after", "crash-after:x", "wedge/nobody", "@host"] {
            #expect(throws: ArgumentError.self) {
                try launch(deployment, ["GLM_REHEARSAL_FAULT": text])
            }
        }
    }

    // MARK: - Refusals of the host

    @Test(arguments: [
        ("HCCL_SOCKET_IFNAME", nil), ("GLOO_SOCKET_IFNAME", "eth99"),
        ("SGLANG_HOST_IP", "192.0.2.1"),
    ])
    func `collectives that do not know the host do not start`(
        name: String, value: String?
    ) throws {
        let deployment = try LiveDeployment(subnet: 49)
        let shard = Published.mixed(deployment.hosts(1...2), rank: 0)
        try deployment.launch(shard.with(environment: name, value))
        #expect(deployment.exits == [0: .killed])
        #expect(deployment.hasLogged("HCCL"))
        #expect(deployment.hasLogged(value ?? name))
    }

    @Test(arguments: [5001, 5005, 5013])
    func `a port beside the meeting point that stays taken ends rank 0`(port: Int) throws {
        let deployment = try LiveDeployment(subnet: 50)
        let taken = Endpoint(host: deployment.host(1), port: UInt16(port))
        let holder = try StreamListener(deployment.loop, on: taken) { $0.close() }
        try launch(deployment)
        deployment.wait("the end") { deployment.exits[0] == .code(1) }
        #expect(deployment.hasLogged("Port \(port) is already in use"))
        holder.close()
    }

    @Test func `a taken HTTP port ends rank 0 after the load`() throws {
        let deployment = try LiveDeployment(subnet: 51)
        let taken = Endpoint(host: deployment.host(1), port: 6688)
        let holder = try StreamListener(deployment.loop, on: taken) { $0.close() }
        try launch(deployment)
        deployment.wait("the end") { deployment.exits[0] == .code(1) }
        #expect(deployment.hasLogged("EADDRINUSE"))
        holder.close()
    }

    // MARK: - SIGTERM

    @Test func `rank 0 finishes what it has begun before it ends`() throws {
        let deployment = try LiveDeployment(subnet: 52)
        try launch(deployment, ["GLM_REHEARSAL_TOKEN_SECONDS": "0.03"])
        deployment.waitUntilReady(1)
        let client = try HTTPClient(deployment.loop)
        var answer: HTTPResponse?
        let url = "http://\(deployment.host(1)):6688/generate"
        client.send(
            .json(.post, url, ["text": "long", "sampling_params": ["max_new_tokens": 30]])
        ) { answer = try? $0.get() }
        deployment.wait("a running request") {
            deployment.get(deployment.host(1), 6688, "/server_info").bodyText
                .contains("\"running\":1")
        }
        deployment.engines[0].terminate()
        #expect(deployment.exits.isEmpty)
        #expect(deployment.get(deployment.host(1), 6688, "/health").status.code == 503)
        deployment.wait("the end") { deployment.exits[0] == .killed }
        #expect(answer?.status.code == 200)
        client.close()
    }

    @Test func `before it is ready, and on the other ranks, SIGTERM ends an engine at once`() throws
    {
        let deployment = try LiveDeployment(subnet: 53)
        try launch(deployment, ["GLM_REHEARSAL_LOAD_SECONDS": "30"])
        for engine in deployment.engines { engine.terminate() }
        #expect(deployment.exits == [0: .signalled(SIGTERM), 1: .signalled(SIGTERM)])
    }
}
