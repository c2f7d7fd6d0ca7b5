// How the ranks of a world find each other, as torch.distributed's TCP store does it: rank 0 binds
// the dist-init address, everybody else dials it again and again. Once all have said who they are,
// rank 0 hands out the table of addresses and the others connect pairwise, so that the world is a
// full mesh. Any disagreement about sizes or ranks ends the world before it has begun.

import Base
import EventLoop

/// One node process's way into its world.
final class WorldMeeting {
    /// How it ended.
    enum Outcome {
        /// Everybody is connected with everybody.
        case formed(WorldMembers)
        /// Why there is no world.
        case failed(String)
    }

    let loop: Loop
    let arguments: EngineArguments
    let log: EngineLog
    /// The address of this node that others see; nil where the meeting itself must tell.
    private let ownAddress: String?
    private let emptyShape: WorldShape
    private var onOutcome: ((Outcome) -> Void)?

    private var listeners: [StreamListener] = []
    private var unnamed: [ObjectIdentifier: RankLink] = [:]
    private var links: [Int: RankLink] = [:]
    private var addresses: [Int: Endpoint] = [:]
    private var table: [Endpoint] = []
    private var meshed: Set<Int> = []
    private var retry: LoopTimer?
    private var deadline: LoopTimer?
    private var isMeshedTold = false
    private var attempts = 0

    /// - Throws: ``ArgumentError`` where the arguments describe no world.
    init(
        _ loop: Loop, arguments: EngineArguments, ownAddress: String?, log: EngineLog,
        onOutcome: @escaping (Outcome) -> Void
    ) throws(ArgumentError) {
        self.loop = loop
        self.arguments = arguments
        self.ownAddress = ownAddress
        self.log = log
        self.onOutcome = onOutcome
        let unknown = [String](repeating: "", count: arguments.nodeCount)
        emptyShape = try WorldShape(arguments, nodes: unknown)
    }

    func start() {
        deadline = loop.after(arguments.distTimeout) { [weak self] in
            guard let self else { return }
            fail("timed out after \(arguments.distTimeout) waiting for \(missing) to join")
        }
        guard let point = arguments.distInit else {
            guard arguments.nodeCount == 1 else {
                return log("no --dist-init-addr: every node waits for the others at itself")
            }
            return finish(address: ownAddress ?? arguments.host)
        }
        if arguments.nodeRank == 0 { openMeeting(at: point) } else { dial(point) }
    }

    func close() {
        onOutcome = nil
        retry = nil
        deadline = nil
        for listener in listeners { listener.close() }
        for link in unnamed.values { link.close() }
        for link in links.values { link.close() }
        (listeners, unnamed, links) = ([], [:], [:])
    }

    private var missing: String {
        let absent = (0..<arguments.nodeCount).filter {
            $0 != arguments.nodeRank && links[$0] == nil
        }
        return "node rank \(absent.map(String.init).joined(separator: ", "))"
    }

    private func fail(_ reason: String) {
        let outcome = onOutcome
        close()
        outcome?(.failed(reason))
    }

    private func finish(address: String) {
        let nodes = table.isEmpty ? [address] : table.map(\.host)
        guard let shape = try? WorldShape(arguments, nodes: nodes) else {
            return fail("the table of addresses has \(nodes.count) entries")
        }
        let node = ToyNode(shape: shape, nodeRank: arguments.nodeRank, address: address)
        let members = WorldMembers(node: node, links: links, listeners: listeners)
        let outcome = onOutcome
        (listeners, links) = ([], [:])
        close()
        outcome?(.formed(members))
    }

    // MARK: - Rank 0

    private func openMeeting(at point: Endpoint) {
        // Every 127.0.0.0/8 address can be bound on every host, where a real one can not.
        if point.host.hasPrefix("127."), let ownAddress, ownAddress != point.host {
            return fail("the TCP store cannot listen on \(point): this node is \(ownAddress)")
        }
        do throws(UVError) {
            listeners.append(
                try StreamListener(loop, on: point) { [weak self] in self?.accept($0) })
        } catch {
            return fail("the TCP store cannot listen on \(point): \(error)")
        }
        addresses[0] = Endpoint(host: ownAddress ?? point.host, port: point.port)
        log("TCP store listens on \(point), waiting for \(arguments.nodeCount - 1) more nodes")
        shareTableWhenComplete()
    }

    private func accept(_ connection: StreamConnection) {
        let link = RankLink(connection)
        let key = ObjectIdentifier(link)
        unnamed[key] = link
        // Who goes away without a word was a port probe.
        link.onClosed = { [weak self] _ in self?.unnamed[key] = nil }
        link.onFrame = { [weak self, weak link] frame in
            guard let self, let link else { return }
            unnamed[key] = nil
            introduce(link, frame)
        }
    }

    /// The first frame of an accepted link says who it is.
    private func introduce(_ link: RankLink, _ frame: RankFrame) {
        guard let hello = frame.document,
            let rank = hello["node_rank"]?.integerValue.map({ Int($0) })
        else { return link.close() }
        if let objection = objection(to: hello, rank: rank) {
            link.sendLast(.control(["type": "refused", "reason": .string(objection)]))
            return fail("\(link.peerName) was refused: \(objection)")
        }
        adopt(link, rank: rank)
        guard arguments.nodeRank == 0 else { return tellMeshedWhenComplete() }
        log("node rank \(rank) joined from \(link.peerName)")
        if let address = hello.endpoint { addresses[rank] = address }
        shareTableWhenComplete()
    }

    private func objection(to hello: JSONValue, rank: Int) -> String? {
        guard (0..<arguments.nodeCount).contains(rank) else {
            return "node rank \(rank) is outside the \(arguments.nodeCount) nodes of this world"
        }
        guard rank != arguments.nodeRank, links[rank] == nil else {
            return "node rank \(rank) is there already"
        }
        let theirs = hello["sizes"]?.stringValue ?? "none"
        guard theirs == emptyShape.sizes else {
            return "sizes differ: node rank \(rank) has \(theirs), "
                + "node rank \(arguments.nodeRank) has \(emptyShape.sizes)"
        }
        return nil
    }

    private func shareTableWhenComplete() {
        guard addresses.count == arguments.nodeCount else { return }
        table = addresses.keys.sorted().compactMap { addresses[$0] }
        guard arguments.nodeCount > 1 else { return finish(address: table[0].host) }
        let entries = table.map { JSONValue.string($0.description) }
        broadcast(["type": "peers", "addresses": .array(entries)])
    }

    private func broadcast(_ document: JSONValue) {
        for rank in links.keys.sorted() { links[rank]?.send(.control(document)) }
    }

    // MARK: - The others

    private func dial(_ point: Endpoint) {
        let again = { [weak self] (reason: String) in
            guard let self else { return }
            // Half an hour of attempts should not be thousands of lines.
            if attempts.isMultiple(of: 30) {
                log("node rank 0 at \(point) does not answer (\(reason)), trying again")
            }
            attempts += 1
            retry = loop.after(.milliseconds(300)) { [weak self] in self?.dial(point) }
        }
        do throws(UVError) {
            let link = try RankLink(loop, to: point, from: ownAddress, within: .seconds(5)) {
                [weak self] in self?.sayHello()
            }
            link.onClosed = { [weak self] reason in
                self?.links[0] = nil
                again(reason)
            }
            links[0] = link
        } catch {
            fail("cannot dial \(point): \(error)")
        }
    }

    private func sayHello() {
        guard let link = links[0], let host = ownAddress ?? link.localHost else { return }
        do throws(UVError) {
            let listener = try StreamListener(loop, on: Endpoint(host: host, port: 0)) {
                [weak self] in self?.accept($0)
            }
            listeners = [listener]
            guard let endpoint = listener.endpoint else { return }
            adopt(link, rank: 0)
            link.send(.control(introduction(address: endpoint)))
        } catch {
            fail("cannot listen on \(host): \(error)")
        }
    }

    private func introduction(address: Endpoint) -> JSONValue {
        [
            "type": "hello", "node_rank": JSONValue(arguments.nodeRank),
            "sizes": .string(emptyShape.sizes), "address": .string(address.description),
        ]
    }

    private func connectPeers(_ table: [Endpoint]) {
        self.table = table
        let own = arguments.nodeRank
        guard table.count == arguments.nodeCount else {
            return fail("the table of addresses has \(table.count) entries")
        }
        for rank in 1..<max(own, 1) {
            do throws(UVError) {
                let link = try RankLink(
                    loop, to: table[rank], from: table[own].host, within: .seconds(20)
                ) { [weak self] in self?.join(rank) }
                adopt(link, rank: rank)
            } catch {
                return fail("cannot dial node rank \(rank) at \(table[rank]): \(error)")
            }
        }
        tellMeshedWhenComplete()
    }

    private func join(_ rank: Int) {
        links[rank]?.send(.control(introduction(address: table[arguments.nodeRank])))
    }

    // MARK: - Both

    private func adopt(_ link: RankLink, rank: Int) {
        links[rank] = link
        link.onClosed = { [weak self] reason in
            self?.fail("node rank \(rank) left while the world was forming: \(reason)")
        }
        link.onFrame = { [weak self] frame in self?.hear(frame, from: rank) }
    }

    private func hear(_ frame: RankFrame, from rank: Int) {
        guard let document = frame.document else { return }
        switch document["type"]?.stringValue {
        case "refused":
            fail("node rank \(rank) refused: \(document["reason"]?.stringValue ?? "no reason")")
        case "peers":
            let entries = document["addresses"]?.arrayValue ?? []
            connectPeers(entries.compactMap { $0.stringValue.flatMap(Endpoint.init(parsing:)) })
        case "meshed":
            meshed.insert(rank)
            guard meshed.count == arguments.nodeCount - 1 else { return }
            broadcast(["type": "go"])
            finish(address: table[0].host)
        case "go": finish(address: table[arguments.nodeRank].host)
        default: fail("node rank \(rank) said something unknown: \(document.compact)")
        }
    }

    private func tellMeshedWhenComplete() {
        guard !isMeshedTold, !table.isEmpty, links.count == arguments.nodeCount - 1 else { return }
        isMeshedTold = true
        links[0]?.send(.control(["type": "meshed"]))
    }
}

@available(*, unavailable) extension WorldMeeting: Sendable {}

/// A world that has met.
struct WorldMembers {
    let node: ToyNode
    /// The other nodes, by node rank.
    let links: [Int: RankLink]
    /// Held for as long as the world lives, as the TCP store is.
    let listeners: [StreamListener]
}

extension RankFrame {
    /// The document of a control frame.
    var document: JSONValue? {
        kind == .control ? try? JSONValue(parsing: payload) : nil
    }
}

extension JSONValue {
    fileprivate var endpoint: Endpoint? {
        self["address"]?.stringValue.flatMap(Endpoint.init(parsing:))
    }
}
