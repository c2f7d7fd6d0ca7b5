// What goes wrong, drawn from the seed. Afterwards everything is mended, and the cluster must find
// together again. Operators act meanwhile, as if they did not know.

import Base
import ClusterState
import Consensus
import Node
import Planning
import Supervision
import WireProtocol

extension ClusterSimulation {
    /// What undoes a fault.
    enum Repair {
        case startAgent(Int)
        case boot(Int)
        case wakeUp(Int)
        case heal
        case calm
        case quickDisk(Int)
        case start(GroupName?)
        case newFile(Int, Deployment)
    }

    /// What may go wrong.
    enum Fault: String, CaseIterable {
        case agentCrash = "agent crashes"
        case agentFlap = "agent flaps"
        case hostCrash = "host crashes"
        case powerCut = "power cuts"
        case partition = "partitions"
        case oneWayCut = "one-way cuts"
        case lossySpell = "lossy spells"
        case pause = "pauses"
        case slowDisk = "slow disks"
        case engineKill = "engine kills"
        case engineWedge = "engine wedges"
        case operatorStop = "operator stops"
        case operatorRestart = "operator restarts"
        case logRequest = "log requests"
        case newFile = "new files"

        /// How often it comes, against the others.
        var weight: Int {
            switch self {
            case .agentCrash, .partition, .engineKill: 4
            case .hostCrash, .agentFlap, .oneWayCut, .pause, .lossySpell: 3
            case .engineWedge, .slowDisk, .operatorStop, .operatorRestart, .logRequest: 2
            case .powerCut, .newFile: 1
            }
        }

        static let drawn = allCases.flatMap { Array(repeating: $0, count: $0.weight) }
    }

    mutating func throwFault() {
        guard faultsOn else { return }
        let fault = Fault.drawn.randomElement(using: &generator) ?? .agentCrash
        let index = Int.random(in: nodes.indices, using: &generator)
        let lasts = generator.duration(in: .milliseconds(500)...(.seconds(12)))
        count(fault.rawValue)
        strike(fault, index, lasts)
        disturbanceChanged()
        let pause = generator.duration(in: .milliseconds(100)...(.seconds(5)))
        queue.schedule(.fault, at: now + pause)
    }

    private mutating func strike(_ fault: Fault, _ index: Int, _ lasts: Duration) {
        switch fault {
        case .agentCrash:
            crashAgent(index)
            queue.schedule(.repair(.startAgent(index)), at: now + lasts)
        case .agentFlap:
            crashAgent(index)
            queue.schedule(.repair(.startAgent(index)), at: now + lasts / 40)
        case .hostCrash:
            crashHost(index)
            queue.schedule(.repair(.boot(index)), at: now + lasts)
        case .powerCut:
            for index in nodes.indices {
                crashHost(index)
                queue.schedule(.repair(.boot(index)), at: now + lasts / (index % 3 + 1))
            }
        case .partition: part(for: lasts)
        case .oneWayCut: cutOneWay(from: index, for: lasts)
        case .lossySpell:
            network.loss = Double.random(in: 0.05...0.4, using: &generator)
            network.delay = SimulatedNetwork.slowDelay
            queue.schedule(.repair(.calm), at: now + lasts)
        case .pause: pause(index, for: lasts)
        case .slowDisk:
            note("\(nodes[index].node) has a slow disk for \(lasts)")
            hosts[index].flushTime = SimulatedHost.slowFlush
            queue.schedule(.repair(.quickDisk(index)), at: now + lasts)
        case .engineKill:
            guard let (index, shard) = randomEngine() else { return }
            queue.schedule(.engineEnds(index, shard, .signal(9)), at: now)
        case .engineWedge:
            guard let (index, shard) = randomEngine() else { return }
            wedge(index, shard)
        case .operatorStop, .operatorRestart, .logRequest: operate(fault, index, lasts)
        case .newFile: rollOut(for: lasts)
        }
    }

    mutating func pause(_ index: Int, for lasts: Duration) {
        note("\(nodes[index].node) sleeps for \(lasts)")
        hosts[index].pausedUntil = max(hosts[index].pausedUntil, now + lasts)
        queue.schedule(.repair(.wakeUp(index)), at: hosts[index].pausedUntil)
    }

    private mutating func wakeUp(_ index: Int) {
        guard hosts[index].pausedUntil <= now else { return }
        let unread = hosts[index].unread
        hosts[index].unread = []
        for input in unread { give(input, to: index) }
    }

    private mutating func part(for lasts: Duration) {
        let side = nodes.indices.filter { _ in generator.chance(0.4) }
        note("the network parts: \(side.map { nodes[$0].node.name }) from the rest")
        for pair in network.pairs where side.contains(pair.low) != side.contains(pair.high) {
            cut(from: pair.low, to: pair.high)
            cut(from: pair.high, to: pair.low)
        }
        queue.schedule(.repair(.heal), at: now + lasts)
    }

    private mutating func cutOneWay(from sender: Int, for lasts: Duration) {
        let receivers = nodes.indices.filter { $0 != sender && generator.chance(0.5) }
        note("nothing gets from \(nodes[sender].node) to \(receivers.map { nodes[$0].node.name })")
        for receiver in receivers { cut(from: sender, to: receiver) }
        queue.schedule(.repair(.heal), at: now + lasts)
    }

    private mutating func randomEngine() -> (Int, ShardID)? {
        hosts.indices.flatMap { index in
            hosts[index].engines.keys.sorted().map { (index, $0) }
        }.randomElement(using: &generator)
    }

    // MARK: - Operators

    /// An operator asks the agent of a node.
    /// - Returns: the request's number.
    @discardableResult
    mutating func ask(_ index: Int, _ request: OperatorRequest) -> RequestID {
        nextRequest += 1
        let id = RequestID(nextRequest)
        guard hosts[index].isAgentUp else { return id }
        note("\(nodes[index].node) is asked \(nextRequest): \(request)")
        invariants.asked(id, of: nodes[index].node, at: max(now, hosts[index].pausedUntil))
        give(.operate(id, request), to: index)
        return id
    }

    private mutating func operate(_ fault: Fault, _ index: Int, _ lasts: Duration) {
        let groups = machines[index]?.state.plan?.groups.map(\.name) ?? []
        let group = groups.randomElement(using: &generator)
        // What is asked late may take effect after the last fault, and would look like one.
        guard now - .zero < configuration.quietStart + configuration.faultPeriod / 2 else { return }
        switch fault {
        case .operatorStop:
            let which = generator.chance(0.3) ? nil : group
            invariants.operatorTouched(which)
            ask(index, .propose(.stop(which)))
            queue.schedule(.repair(.start(which)), at: now + lasts)
        case .operatorRestart:
            guard let group else { return }
            invariants.operatorTouched(group)
            ask(index, .propose(.restart(group)))
        default:
            guard let group else { return }
            ask(index, .log(shard: "\(group)/0", lastLines: 10, from: nil))
        }
    }

    /// A new configuration file comes to every node, and every agent is restarted to read it.
    private mutating func rollOut(for lasts: Duration) {
        let old = configuration.deployment
        let new = Deployment(
            profileName: old.profileName, profileYAML: old.profileYAML,
            modelPath: "/models/glm-5.1-\(now.nanoseconds)", engine: old.engine)
        for index in nodes.indices {
            let delay = generator.duration(in: .zero...lasts)
            queue.schedule(.repair(.newFile(index, new)), at: now + delay)
        }
    }

    // MARK: - Repairs

    mutating func repair(_ repair: Repair) {
        switch repair {
        case .startAgent(let index): startAgent(index)
        case .boot(let index):
            hosts[index].isHostUp = true
            startAgent(index)
        case .wakeUp(let index): wakeUp(index)
        case .heal: for pair in network.pairs { network[pair].cut = [false, false] }
        case .calm:
            network.loss = 0
            network.delay = SimulatedNetwork.quickDelay
        case .quickDisk(let index): hosts[index].flushTime = SimulatedHost.quickFlush
        case .start(let group):
            guard let index = nodes.indices.first(where: { hosts[$0].isAgentUp }) else { return }
            ask(index, .propose(.start(group)))
        case .newFile(let index, let file):
            if faultsOn { replaceFile(of: index, by: file) }
        }
        disturbanceChanged()
    }

    /// The agent is restarted, since it reads its file at its start.
    mutating func replaceFile(of index: Int, by file: Deployment) {
        guard hosts[index].file != file else { return }
        note("\(nodes[index].node) has a new file")
        hosts[index].file = file
        invariants.filesHaveChanged = true
        guard hosts[index].isAgentUp else { return }
        crashAgent(index)
        queue.schedule(.repair(.startAgent(index)), at: now + .milliseconds(100))
    }

    mutating func endFaults() {
        note("faults end")
        repair(.heal)
        repair(.calm)
        for index in nodes.indices {
            hosts[index].pausedUntil = now
            wakeUp(index)
            repair(.quickDisk(index))
            repair(.boot(index))
            replaceFile(of: index, by: hosts[0].file)
        }
        faultsOn = false
        // What was stopped is started again; the first calls may find no leader.
        for delay in [3, 9, 27] {
            queue.schedule(.repair(.start(nil)), at: now + .seconds(delay))
        }
    }
}
