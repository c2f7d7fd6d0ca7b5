// The streams of one agent to all its peers. Protocols/transport.md describes what goes over the
// wire; this file is the front: configuration, the listener, and who may come in.

public import Base
public import EventLoop

/// Connects an agent with its peers and keeps it connected. There is no plaintext mode.
///
/// Every peer is dialled for as long as it is configured. Dropping the transport closes it.
public final class PeerTransport {
    /// Where it listens: for port 0 the port that the system gave.
    public let listening: Endpoint

    private let loop: Loop
    private let configuration: TransportConfiguration
    private let onEvent: (PeerEvent) -> Void
    private let dialler: Dialler
    private let context: TLSContext
    private var generator: SeededGenerator
    private var listener: StreamListener?
    private var links: [NodeID: PeerLink] = [:]
    /// Incoming streams that have not said who they are, the oldest first.
    private var halfOpen: [PeerStream] = []
    private var counters: Counters
    private var limiter = LogLimiter()
    /// When a twin of a peer was last seen.
    private var twinsSeen: [NodeID: Instant] = [:]

    /// Counters that streams raise, too.
    private final class Counters {
        var values = TransportStatistics()
    }

    /// Listens and begins to dial. Events come from the loop, never from within this call.
    /// - Parameters:
    ///   - loop: where it lives.
    ///   - configuration: whom to talk to and how.
    ///   - onEvent: told everything that happens.
    /// - Throws: ``TransportError`` when the configuration contradicts itself or the address
    ///   cannot be listened on.
    public init(
        _ loop: Loop, _ configuration: TransportConfiguration,
        onEvent: @escaping (PeerEvent) -> Void
    ) throws(TransportError) {
        try configuration.validate()
        self.loop = loop
        self.configuration = configuration
        self.onEvent = onEvent
        var entropy = SystemRandomNumberGenerator()
        generator = SeededGenerator(seed: entropy.next())
        let counters = Counters()
        self.counters = counters
        do throws(TLSError) {
            context = try TLSContext(cluster: configuration.cluster, keys: configuration.keys)
        } catch {
            throw .tls(error)
        }
        dialler = Dialler(
            loop: loop, local: configuration.node, localHost: configuration.sourceHost,
            instance: generator.next(), cluster: configuration.cluster,
            origin: Hello.Origin(
                machine: configuration.machine, startedAt: configuration.startedAt),
            twinLimit: configuration.twinLimit, context: context,
            limits: configuration.streamLimits, redial: configuration.redial,
            onOversized: { counters.values.oversizedFrames += 1 })
        let arrivals = Arrivals()
        do throws(UVError) {
            let listener = try StreamListener(loop, on: configuration.listen) {
                arrivals.onConnection?($0)
            }
            self.listener = listener
            listening = listener.endpoint ?? configuration.listen
        } catch {
            throw .system(error)
        }
        arrivals.onConnection = { [weak self] in self?.accept($0) }
        try setPeers(configuration.peers)
    }

    deinit {
        close()
    }

    // MARK: - Using it

    /// Sends a frame to a peer.
    /// - Returns: false when it was dropped: no stream stands, its queue is full, or the frame is
    ///   longer than allowed. True says that it was queued, not that it arrives.
    @discardableResult
    public func send(_ payload: [UInt8], to node: NodeID) -> Bool {
        guard payload.count <= configuration.frameLimitBytes,
            links[node]?.send(payload) == true
        else {
            counters.values.framesDropped += 1
            return false
        }
        counters.values.framesSent += 1
        counters.values.bytesSent += UInt64(payload.count)
        return true
    }

    /// The peers to which a stream stands, in the order of their names.
    public var connected: [NodeID] {
        links.filter { $0.value.current != nil }.keys.sorted()
    }

    /// The peers that refuse this agent's key, in the order of their names.
    public var refusing: [NodeID] {
        links.filter { $0.value.isSecretRefused }.keys.sorted()
    }

    /// The peers of which two agents have run within the last minute, in the order of their names.
    public var twins: [NodeID] {
        twinsSeen.filter { loop.now - $0.value < .seconds(60) }.keys.sorted()
    }

    /// Counters since the start.
    public var statistics: TransportStatistics {
        var values = counters.values
        for link in links.values { values.add(link.counters) }
        return values
    }

    /// Takes over a changed list of peers. Unchanged ones keep their streams; the stream of a
    /// removed one is closed and told. Those of `accepting` that are not among them are let in when
    /// they come, and not dialled.
    /// - Throws: ``TransportError`` when an address is no address; nothing is changed then.
    public func setPeers(
        _ peers: [NodeID: Endpoint], accepting: [NodeID: Endpoint] = [:]
    ) throws(TransportError) {
        let wanted = try configuration.canonical(peers.merging(accepting) { peer, _ in peer })
        for (node, link) in links.sorted(by: { $0.key < $1.key })
        where wanted[node] != link.endpoint {
            links[node] = nil
            let wasOpen = link.current != nil
            counters.values.add(link.counters)
            link.close(sayingGoodbye: true)
            if wasOpen { onEvent(.closed(node, .lost(because: "removed from the node list"))) }
        }
        for (node, endpoint) in wanted.sorted(by: { $0.key < $1.key }) where links[node] == nil {
            let link = PeerLink(node, at: endpoint, dialler, seed: generator.next()) {
                [weak self] in self?.handle($0, of: node)
            }
            links[node] = link
        }
        for (node, link) in links.sorted(by: { $0.key < $1.key }) {
            link.isDialled = peers[node] != nil
            if link.isDialled { loop.soon { [weak link] in link?.dialNow() } }
        }
    }

    /// Takes over changed keys. A stream whose key is no longer among them is closed and dialled
    /// anew; the others go on.
    public func setKeys(_ keys: [ClusterKey]) {
        invariant(!keys.isEmpty, "a cluster without a key")
        context.keys = keys
        for (_, link) in links.sorted(by: { $0.key < $1.key }) { link.keysChanged() }
    }

    /// Ends everything at once and without goodbyes: the peers take the agent for gone, which it
    /// is about to be. No event follows.
    public func close() {
        listener = nil
        for stream in halfOpen { stream.abandon() }
        halfOpen = []
        for link in links.values { link.close(sayingGoodbye: false) }
        links = [:]
    }

    private func handle(_ event: LinkEvent, of node: NodeID) {
        switch event {
        case .opened:
            counters.values.streamsOpened += 1
            onEvent(.opened(node))
        case .frame(let payload):
            counters.values.framesReceived += 1
            counters.values.bytesReceived += UInt64(payload.count)
            onEvent(.frame(payload, from: node))
        case .closed(let reason):
            onEvent(.log(.warning, "stream to \(node) \(reason)"))
            onEvent(.closed(node, reason))
        case .dialFailed(let reason):
            log(.warning, "dial of \(node) failed, \(reason)", about: node.name)
            onEvent(.dialFailed(node, reason))
        case .twin(let text):
            twinsSeen[node] = loop.now
            log(.warning, text, about: "twin of \(node)")
        }
    }

    // MARK: - Who comes in

    private func accept(_ connection: StreamConnection) {
        if halfOpen.count >= configuration.halfOpenLimit, let oldest = halfOpen.first {
            reject(oldest, "too many connections that have not said who they are")
        }
        let arrival = Arrival()
        do throws(TransportError) {
            let stream = try PeerStream(
                loop, accepted: connection, context, limits: configuration.streamLimits
            ) { [weak self] event in
                guard let stream = arrival.stream else { return }
                self?.handle(event, ofArrival: stream)
            }
            arrival.stream = stream
            stream.onOversized = dialler.onOversized
            halfOpen.append(stream)
        } catch {
            log(.warning, "cannot take a connection: \(error)", about: "listener")
        }
    }

    private func handle(_ event: PeerStreamEvent, ofArrival stream: PeerStream) {
        switch event {
        case .hello(let hello):
            if let objection = objection(to: hello, from: stream.address.host) {
                return reject(stream, objection, answering: hello)
            }
            halfOpen.removeAll { $0 === stream }
            links[hello.node]?.offer(stream, hello)
        case .ended(let reason): reject(stream, reason.description)
        case .frame: fatalError("a frame on a stream that was not opened")
        }
    }

    private func reject(_ stream: PeerStream, _ why: String, answering hello: Hello? = nil) {
        counters.values.handshakesRejected += 1
        halfOpen.removeAll { $0 === stream }
        log(
            .warning, "rejected a connection from \(stream.address): \(why)",
            about: stream.address.host)
        guard let hello else { return stream.close() }
        var answer = Hello(
            cluster: configuration.cluster, node: configuration.node, target: hello.node,
            instance: 0, stream: hello.stream, endedStream: 0)
        answer.origin = dialler.origin
        answer.refusal = Hello.Refusal(isTwin: false, reason: why)
        stream.refuse(answering: answer)
    }

    /// Why somebody who knows the key still may not come in.
    private func objection(to hello: Hello, from host: String) -> String? {
        guard hello.version == Hello.currentVersion else {
            return "node \(hello.node) speaks version \(hello.version) of the protocol, not "
                + "\(Hello.currentVersion)"
        }
        guard hello.cluster == configuration.cluster else {
            return "it belongs to cluster \(hello.cluster)"
        }
        guard hello.target == configuration.node else {
            return "node \(hello.node) looks for node \(hello.target) at this address; correct its "
                + "node list"
        }
        guard let link = links[hello.node] else {
            return "node \(hello.node) is not in the node list"
        }
        guard !configuration.checksPeerHost || host == link.endpoint.host else {
            return "node \(hello.node) comes from \(host), but is listed at \(link.endpoint.host)"
        }
        return nil
    }

    /// Logs at most one line about the same subject in half a minute.
    private func log(_ level: LogLevel, _ line: String, about subject: String) {
        if let suffix = limiter.admit(subject, at: loop.now) {
            onEvent(.log(level, line + suffix))
        }
    }
}

@available(*, unavailable) extension PeerTransport: Sendable {}

/// What the listener calls before the transport is complete.
private final class Arrivals {
    var onConnection: ((StreamConnection) -> Void)?
}

/// A stream that can be named in its own callback without holding itself.
private final class Arrival {
    weak var stream: PeerStream?
}
