// All that concerns one peer: the dial that is under way, the stream that carries the traffic, and
// the rules by which two agents that dial each other at once end up with the same one stream.
//
// 1. The listener accepts by answering the hello, so whoever dialled knows of a stream later than
//    the other end. Therefore a dial whose hello has been said is never withdrawn.
// 2. Of two streams between the same two agents, the one dialled by the lower node name stays. The
//    other is retired: each end stops sending on it and reads it to its end, so no frame is lost.
// 3. A stream from a new instance of the peer, or from one that has seen the present stream end,
//    replaces it whoever dialled.

import Base
import EventLoop

/// What a link tells the transport.
enum LinkEvent {
    case opened
    case frame([UInt8])
    case closed(PeerCloseReason)
    case dialFailed(PeerCloseReason)
    /// Two agents of the peer's name run; what is done about it.
    case twin(String)
}

/// What a link needs from the transport to dial.
struct Dialler {
    let loop: Loop
    let local: NodeID
    let localHost: String?
    let instance: UInt64
    let cluster: String
    let origin: Hello.Origin
    let twinLimit: Duration
    let context: TLSContext
    let limits: PeerStream.Limits
    let redial: Backoff
    let onOversized: () -> Void
}

/// One configured peer.
final class PeerLink {
    let node: NodeID
    let endpoint: Endpoint
    /// False for a peer that is only let in when it comes.
    var isDialled = true
    /// The stream that carries the traffic.
    private(set) var current: PeerStream?

    private let dialler: Dialler
    private var generator: SeededGenerator
    private let onEvent: (LinkEvent) -> Void
    private var dial: PeerStream?
    private var dialBegan = Instant.zero
    private var retiring: [ObjectIdentifier: PeerStream] = [:]
    private var retry: LoopTimer?
    private var failuresInARow = 0
    /// Which of the keys the next dial offers: after a failed handshake, the next one.
    private var keyIndex = 0
    /// The peer has ended the last dial because of the key that it offered.
    private(set) var isSecretRefused = false
    private var endedStream: UInt64 = 0
    /// The present stream has ended while another may already have taken its place at the peer,
    /// so the news wait for what becomes of the dial.
    private var unreported: (reason: PeerCloseReason, instance: UInt64)?

    /// What this link adds to the transport's counters.
    private(set) var counters = TransportStatistics()

    init(
        _ node: NodeID, at endpoint: Endpoint, _ dialler: Dialler, seed: UInt64,
        onEvent: @escaping (LinkEvent) -> Void
    ) {
        self.node = node
        self.endpoint = endpoint
        self.dialler = dialler
        self.onEvent = onEvent
        generator = SeededGenerator(seed: seed)
        retry = LoopTimer(dialler.loop) { [weak self] in self?.dialNow() }
    }

    // MARK: - Dialling

    /// Dials where no stream stands and no dial is under way.
    func dialNow() {
        guard isDialled, current == nil, dial == nil else { return }
        counters.dials += 1
        dialBegan = dialler.loop.now
        let keys = dialler.context.keys
        let key = keys[keyIndex % keys.count]
        let name = generator.next()
        do throws(TransportError) {
            let stream = try PeerStream(
                dialler.loop, dialling: endpoint, from: dialler.localHost, dialler.context,
                key: key, hello: hello(naming: name), limits: dialler.limits
            ) { [weak self] in self?.dialled($0) }
            stream.onOversized = dialler.onOversized
            dial = stream
        } catch {
            dialFailed(.lost(because: error.description))
        }
    }

    /// What this agent says of itself on a stream of that name.
    func hello(naming stream: UInt64, refusal: Hello.Refusal? = nil) -> Hello {
        var hello = Hello(
            cluster: dialler.cluster, node: dialler.local, target: node,
            instance: dialler.instance, stream: stream, endedStream: endedStream)
        hello.origin = dialler.origin
        hello.refusal = refusal
        return hello
    }

    private func dialled(_ event: PeerStreamEvent) {
        guard let stream = dial else { return }
        switch event {
        case .hello(let hello):
            dial = nil
            if let objection = objection(to: hello) {
                stream.close()
                return dialFailed(.lost(because: objection))
            }
            if let refusal = hello.refusal {
                stream.close()
                return dialFailed(
                    refusal.isTwin
                        ? .twin(because: refusal.reason) : .refused(because: refusal.reason))
            }
            adopt(stream, hello, answer: nil)
        case .ended(let reason):
            dial = nil
            dialFailed(reason)
        case .frame: fatalError("a frame on a stream that was not opened")
        }
    }

    /// Why the listener at the peer's address is not the peer.
    private func objection(to hello: Hello) -> String? {
        if hello.version != Hello.currentVersion {
            "it speaks version \(hello.version) of the protocol, not \(Hello.currentVersion)"
        } else if hello.cluster != dialler.cluster {
            "it belongs to cluster \(hello.cluster)"
        } else if hello.node != node {
            "\(endpoint) answers as node \(hello.node); correct the node list"
        } else {
            nil
        }
    }

    private func dialFailed(_ reason: PeerCloseReason) {
        // A dial that lost to a stream of the peer's own is no failure.
        guard current == nil else { return }
        counters.dialsFailed += 1
        failuresInARow += 1
        isSecretRefused = reason == .secretRefused
        switch reason {
        case .agentGone, .refused, .twin: break
        case .secretRefused, .lost: keyIndex += 1
        }
        dialLater()
        report()
        onEvent(.dialFailed(reason))
    }

    /// Counted from the beginning of the last dial: one that took its time to time out is followed
    /// at once, so that a healed network is noticed soon.
    private func dialLater() {
        let pause = dialler.redial.delay(attempt: min(failuresInARow, 16), using: &generator)
        retry?.arm(at: dialBegan + pause)
    }

    // MARK: - Choosing

    /// A peer has come in by itself and has said hello. It is answered and used, or closed.
    func offer(_ stream: PeerStream, _ hello: Hello) {
        let answer = self.hello(naming: hello.stream)
        adopt(stream, hello, answer: answer)
        if let dial, current === stream, !dial.hasSaidHello {
            self.dial = nil
            dial.close()
        }
    }

    /// Decides what becomes of a stream whose peer is known now. `answer` is the hello to accept an
    /// incoming stream with; nil for a dialled one.
    private func adopt(_ stream: PeerStream, _ hello: Hello, answer: Hello?) {
        guard let current, let held = current.remote else {
            // News of the same agent that had to wait cancel out: one stream gave way to the other.
            let isSuccessor = unreported?.instance == hello.instance
            if isSuccessor { unreported = nil } else { report() }
            return use(stream, answer: answer, silently: isSuccessor)
        }
        if hello.isTwin(of: held), current.isHeard(within: dialler.twinLimit) {
            meetTwin(stream, hello, answer: answer, of: current, held)
        } else if held.instance != hello.instance {
            replace(current, because: .agentGone(because: "the agent was restarted"))
            use(stream, answer: answer, silently: false)
        } else if hello.endedStream == current.name {
            replace(current, because: .lost(because: "the peer has seen the stream end"))
            use(stream, answer: answer, silently: false)
        } else if isPreferred(dialledByPeer: answer != nil) {
            use(stream, answer: answer, silently: true)
            retire(current)
        } else if answer != nil {
            stream.close()
        } else {
            listen(to: stream)
            stream.open(answering: nil)
            stream.readOn()
            retire(stream)
        }
    }

    /// Two agents of this name are surely there: the one that was started first stays.
    private func meetTwin(
        _ stream: PeerStream, _ hello: Hello, answer: Hello?, of current: PeerStream, _ held: Hello
    ) {
        let advice = "a copied state directory or configuration? Stop one of the two"
        if hello.isEarlier(than: held) {
            onEvent(.twin("two agents run as \(node): the later one is dropped; \(advice)"))
            replace(current, because: .agentGone(because: "an earlier agent of that name is there"))
            return use(stream, answer: answer, silently: false)
        }
        let text = "two agents run as \(node): the later one, from \(stream.address), is refused"
        onEvent(.twin("\(text); \(advice)"))
        let reason =
            "\(dialler.local) talks with an agent of node \(node) at \(current.address) that was "
            + "started before"
        stream.refuse(
            answering: self.hello(
                naming: hello.stream, refusal: Hello.Refusal(isTwin: true, reason: reason)))
        if answer == nil { dialLater() }
    }

    private func use(_ stream: PeerStream, answer: Hello?, silently isSilent: Bool) {
        current = stream
        isSecretRefused = false
        retry?.cancel()
        listen(to: stream)
        stream.open(answering: answer)
        if !isSilent { onEvent(.opened) }
        stream.readOn()
    }

    private func isPreferred(dialledByPeer: Bool) -> Bool {
        dialledByPeer == (node < dialler.local)
    }

    private func replace(_ old: PeerStream, because reason: PeerCloseReason) {
        endedStream = old.name
        current = nil
        old.close()
        onEvent(.closed(reason))
    }

    private func retire(_ stream: PeerStream) {
        counters.streamsSuperseded += 1
        stream.retire()
        if stream.state != .ended { retiring[ObjectIdentifier(stream)] = stream }
    }

    private func listen(to stream: PeerStream) {
        stream.onEvent = { [weak self, weak stream] event in
            guard let self, let stream else { return }
            switch event {
            case .frame(let payload): onEvent(.frame(payload))
            case .ended(let reason): ended(stream, reason)
            case .hello: fatalError("a second hello")
            }
        }
    }

    // MARK: - Ending

    private func ended(_ stream: PeerStream, _ reason: PeerCloseReason) {
        guard retiring.removeValue(forKey: ObjectIdentifier(stream)) == nil, stream === current
        else { return }
        current = nil
        endedStream = stream.name
        if let opened = stream.openedAt, dialler.loop.now - opened > .seconds(1) {
            failuresInARow = 0
        } else {
            failuresInARow += 1
        }
        unreported = (reason, stream.remote?.instance ?? 0)
        if dial?.hasSaidHello != true { report() }
        dialLater()
    }

    private func report() {
        guard let news = unreported else { return }
        unreported = nil
        onEvent(.closed(news.reason))
    }

    /// Sends on the present stream; false when there is none or it is full.
    func send(_ payload: [UInt8]) -> Bool {
        current?.send(payload) ?? false
    }

    /// Ends the stream with a goodbye when its key is not valid any more; it is dialled anew.
    func keysChanged() {
        keyIndex = 0
        guard let current, let key = current.key, !dialler.context.keys.contains(key) else {
            return
        }
        replace(current, because: .lost(because: "its key is no longer valid"))
        dialLater()
    }

    /// Ends everything: with a goodbye, or as the end of the process would.
    func close(sayingGoodbye: Bool) {
        retry = nil
        for stream in [current, dial].compactMap({ $0 }) + retiring.values {
            if sayingGoodbye { stream.close() } else { stream.abandon() }
        }
        current = nil
        dial = nil
        retiring = [:]
    }
}

@available(*, unavailable) extension PeerLink: Sendable {}
