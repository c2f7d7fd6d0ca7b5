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
        case replaceDisk(Int)
        case sameVersion(Int)
        case newestVersion(Int)
        case freeDisk(Int)
        case quickSender(Int)
        case start(GroupName?)
        case uncordon(NodeID)
        case newFile(Int, Deployment)
        case replaceNode(Int)
        case restoreMembers
    }

    mutating func strike(_ fault: Fault) {
        let index = fault.nodes.first ?? 0
        guard faultsOn, fault.nodes.allSatisfy({ $0 < nodes.count }),
            !(fault.kind.endsAgent && configuration.survivors.contains(index))
        else { return }
        count(fault.kind.rawValue)
        note("\(fault)")
        switch fault.kind {
        case .agentCrash, .agentFlap, .hostCrash, .powerCut, .writeCrash, .officeStorm, .voteStorm,
            .otherVersion, .olderAgent:
            strikeProcesses(fault, index)
        case .partition, .oneWayCut, .lossySpell, .disorder, .slowSender:
            strikeNetwork(fault, index)
        case .pause: pause(index, for: fault.lasts)
        case .clockJump:
            var generator = fault.generator
            let jump = generator.duration(in: .seconds(-86_400)...(.seconds(86_400)))
            hosts[index].clockOffset = generator.chance(0.5) ? jump : jump / 10_000
        case .slowDisk:
            hosts[index].flushTime = SimulatedHost.slowFlush
            queue.schedule(.repair(.quickDisk(index)), at: now + fault.lasts)
        case .diskLoss, .bitFlip, .fullDisk: strikeDisk(fault, index)
        case .engineKill:
            guard let (index, shard) = engine(chosenBy: fault) else { return }
            queue.schedule(.engineEnds(index, shard, .signal(9)), at: now)
        case .engineWedge:
            guard let (index, shard) = engine(chosenBy: fault) else { return }
            wedge(index, shard)
        case .operatorStop, .operatorRestart, .logRequest: operate(fault, index)
        case .hastyQuestion: askInHaste(fault, index)
        case .newFile: rollOut(fault)
        case .nodeLeaves, .nodeJoins, .nodeReplaced, .voterMoves: strikeMembers(fault, index)
        case .cordon, .drain, .forcedDrain: maintain(fault, index)
        }
        disturbanceChanged()
    }

    private mutating func strikeProcesses(_ fault: Fault, _ index: Int) {
        let lasts = fault.lasts
        switch fault.kind {
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
            for index in nodes.indices where !configuration.survivors.contains(index) {
                crashHost(index)
                queue.schedule(.repair(.boot(index)), at: now + lasts / (index % 3 + 1))
            }
        case .writeCrash: hosts[index].fallsAtWrite = true
        case .otherVersion:
            upgrade(index, isOther: true)
            queue.schedule(.repair(.sameVersion(index)), at: now + lasts)
        case .olderAgent:
            age(index, fault)
            queue.schedule(.repair(.newestVersion(index)), at: now + lasts)
        case .officeStorm: officeStormEnd = now + lasts
        default: voteStormEnd = now + lasts
        }
    }

    private mutating func strikeNetwork(_ fault: Fault, _ index: Int) {
        switch fault.kind {
        case .partition: part(fault.nodes)
        case .oneWayCut:
            for receiver in fault.nodes.dropFirst() { cut(from: index, to: receiver) }
        case .slowSender:
            network.slowSenders.insert(index)
            queue.schedule(.repair(.quickSender(index)), at: now + fault.lasts)
            return
        case .disorder:
            network.isDisorderly = true
            queue.schedule(.repair(.calm), at: now + fault.lasts)
            return
        default:
            var generator = fault.generator
            network.loss = Double.random(in: 0.05...0.4, using: &generator)
            network.delay = SimulatedNetwork.slowDelay
            queue.schedule(.repair(.calm), at: now + fault.lasts)
            return
        }
        queue.schedule(.repair(.heal), at: now + fault.lasts)
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

    private mutating func part(_ side: [Int]) {
        for pair in network.pairs where side.contains(pair.low) != side.contains(pair.high) {
            cut(from: pair.low, to: pair.high)
            cut(from: pair.high, to: pair.low)
        }
    }

    private func engine(chosenBy fault: Fault) -> (Int, ShardID)? {
        let running = hosts.indices.flatMap { index in
            hosts[index].engines.keys.sorted().map { (index, $0) }
        }
        return running.isEmpty ? nil : running[Int(fault.choice % UInt64(running.count))]
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
        invariants.asked(id, request, of: nodes[index].node, at: max(now, hosts[index].pausedUntil))
        give(.operate(id, request), to: index)
        return id
    }

    private mutating func operate(_ fault: Fault, _ index: Int) {
        let groups = machines[index]?.state.plan?.groups.map(\.name) ?? []
        var generator = fault.generator
        let group = groups.randomElement(using: &generator)
        // What is asked late may take effect after the last fault, and would look like one.
        guard now < faultsBegin + configuration.faultPeriod / 2 else { return }
        switch fault.kind {
        case .operatorStop:
            let which = generator.chance(0.3) ? nil : group
            invariants.operatorTouched(which)
            ask(index, .propose(.stop(which)))
            queue.schedule(.repair(.start(which)), at: now + fault.lasts)
        case .operatorRestart:
            guard let group else { return }
            invariants.operatorTouched(group)
            ask(index, .propose(.restart(group)))
        default:
            guard let group else { return }
            ask(index, .log(shard: "\(group)/0", lastLines: 10, from: nil))
            ask(index, .confirm)
        }
    }

    /// An operator keeps a node out, by the word of any agent, and lets it back later.
    private mutating func maintain(_ fault: Fault, _ index: Int) {
        let node = nodes[index].node
        let kind: Cordon.Kind =
            switch fault.kind {
            case .drain: .drain
            case .forcedDrain: .force
            default: .cordon
            }
        if kind != .cordon { invariants.drains(node) }
        let asked = Int(fault.choice % UInt64(nodes.count))
        ask(asked, .propose(.cordon(node, kind)))
        queue.schedule(.repair(.uncordon(node)), at: now + fault.lasts)
    }

    /// An operator asks while all disks are slow, the agent falls before the answer, and its next
    /// life is asked something else at once: the late answer must not be taken for another.
    private mutating func askInHaste(_ fault: Fault, _ index: Int) {
        for other in nodes.indices {
            hosts[other].flushTime = SimulatedHost.slowFlush
            queue.schedule(.repair(.quickDisk(other)), at: now + .seconds(3))
        }
        ask(index, .propose(.start(nil)))
        let life = hosts[index].life
        var generator = fault.generator
        let falls = now + generator.duration(in: .milliseconds(6)...(.milliseconds(60)))
        queue.schedule(.crash(index, life: life, restartsAfter: .milliseconds(10)), at: falls)
        for number in 1...20 {
            queue.schedule(.hastyQuestion(index), at: falls + .milliseconds(40 * number))
        }
    }

    /// A new configuration file comes to every node, and every agent is restarted to read it.
    private mutating func rollOut(_ fault: Fault) {
        let old = configuration.deployment
        let new = Deployment(
            profileName: old.profileName, profileYAML: old.profileYAML,
            modelPath: "/models/glm-5.1-\(now.nanoseconds)", engine: old.engine)
        var generator = fault.generator
        let longest = generator.chance(0.5) ? fault.lasts : fault.lasts / 20
        for index in nodes.indices {
            let delay = generator.duration(in: .zero...longest)
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
            network.isDisorderly = false
            network.delay = SimulatedNetwork.quickDelay
        case .quickDisk(let index): hosts[index].flushTime = SimulatedHost.quickFlush
        case .replaceDisk(let index): replaceDisk(index)
        case .sameVersion(let index): upgrade(index, isOther: false)
        // What is still old when all is mended stays so.
        case .newestVersion(let index): if faultsOn { renew(index) }
        case .freeDisk(let index): freeDisk(index)
        case .quickSender(let index): network.slowSenders.remove(index)
        case .start(let group):
            guard let index = memberIndices.first(where: { hosts[$0].isAgentUp }) else { return }
            ask(index, .propose(.start(group)))
        case .uncordon(let node):
            guard let index = memberIndices.first(where: { hosts[$0].isAgentUp }) else { return }
            ask(index, .propose(.uncordon(node)))
        case .newFile(let index, let file):
            if faultsOn { replaceFile(of: index, by: file) }
        case .replaceNode(let index): if faultsOn { replaceNode(index) }
        case .restoreMembers: restoreMembers()
        }
        disturbanceChanged()
    }

    /// The agent is restarted as one of another version, or of the same as the others.
    private mutating func upgrade(_ index: Int, isOther: Bool) {
        guard hosts[index].speaksOtherVersion != isOther else { return }
        note("\(nodes[index].node) speaks \(isOther ? "another version" : "as the others do")")
        hosts[index].speaksOtherVersion = isOther
        guard hosts[index].isAgentUp else { return }
        crashAgent(index)
        queue.schedule(.repair(.startAgent(index)), at: now + .milliseconds(100))
    }

    /// The agent is restarted, since it reads its file at its start.
    mutating func replaceFile(of index: Int, by file: Deployment) {
        guard hosts[index].file != file else { return }
        note("\(nodes[index].node) has a new file")
        hosts[index].file = file
        hosts[index].pastFiles.append(file)
        invariants.filesHaveChanged = true
        guard hosts[index].isAgentUp else { return }
        crashAgent(index)
        queue.schedule(.repair(.startAgent(index)), at: now + .milliseconds(100))
    }

    mutating func endFaults() {
        note("faults end")
        repair(.heal)
        repair(.calm)
        (officeStormEnd, voteStormEnd) = (now, now)
        for index in nodes.indices {
            hosts[index].fallsAtWrite = false
            repair(.quickSender(index))
            hosts[index].pausedUntil = now
            wakeUp(index)
            repair(.quickDisk(index))
            repair(.sameVersion(index))
            repair(.freeDisk(index))
            repair(.replaceDisk(index))
            repair(.boot(index))
            replaceFile(of: index, by: hosts[0].file)
        }
        faultsOn = false
        // What was stopped is started again; the first calls may find no leader.
        for delay in [3, 9, 27] {
            queue.schedule(.repair(.start(nil)), at: now + .seconds(delay))
            let touched = Set(
                configuration.faults.filter(\.kind.isMaintenance).flatMap(\.nodes)
                    .filter { $0 < nodes.count })
            for index in touched.sorted() {
                let node = nodes[index].node
                queue.schedule(.repair(.uncordon(node)), at: now + .seconds(delay))
            }
        }
        for delay in [2, 4, 8, 16, 32, 48] {
            queue.schedule(.repair(.restoreMembers), at: now + .seconds(delay))
        }
    }
}
