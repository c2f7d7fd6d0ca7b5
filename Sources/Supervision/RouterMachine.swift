// Which workers a router is to know. A router learns of a worker that is gone by its own checks, a
// minute apart by default, and sends it requests until then. So the node that runs it tells it: a
// group whose generation is over is taken from its list, and one that serves again is put back.
// The list is the router's own memory, and empty after its restart; it is read before it is changed.

public import Base

/// A worker as a router is told of it.
public struct RouterWorker: Hashable, Sendable {
    /// `http://10.0.0.1:8000`: what identifies it.
    public let url: String
    public let role: Role
    /// Of a prefill group.
    public let bootstrapPort: UInt16?

    public init(url: String, role: Role, bootstrapPort: UInt16?) {
        self.url = url
        self.role = role
        self.bootstrapPort = bootstrapPort
    }
}

/// What is asked of a router.
public enum RouterCall: Hashable, Sendable {
    case list
    case add(RouterWorker)
    /// The identity is the router's own, and new in each of its lives.
    case remove(identity: String, url: String)
}

/// What a router answered.
public enum RouterAnswer: Hashable, Sendable {
    /// Identity and URL of every worker that it knows, whoever told it.
    case listed([Listed])
    /// It takes an order and carries it out in the background; the next list shows how it went.
    case done
    case failed(String)

    public struct Listed: Hashable, Sendable {
        public let identity: String
        public let url: String

        public init(identity: String, url: String) {
            self.identity = identity
            self.url = url
        }
    }
}

/// Keeps the list of one router right, one call at a time. Workers that are in neither list of its
/// wishes are left as they are: an operator's own, or one that is starting.
public struct RouterMachine: Hashable, Sendable {
    private var serving: [RouterWorker] = []
    /// The URLs of workers that must get no more requests.
    private var gone: Set<String> = []
    private var isCalling = false
    /// When each worker was last added. The list shows it a while later.
    private var added: [String: Instant] = [:]
    /// When the removal of a worker that is still listed was last ordered.
    private var removed: [String: Instant] = [:]
    public private(set) var nextDeadline: Instant?

    /// The list is looked at that often though nothing has changed.
    static let interval = Duration.seconds(30)
    /// How long an addition may take until the list shows it.
    static let additionLimit = Duration.seconds(10)
    /// After an order, or a failure.
    static let soon = Duration.seconds(1)

    public init(at now: Instant) {
        nextDeadline = now
    }

    /// What the router should know from now on.
    public mutating func want(serving: [RouterWorker], gone: Set<String>, at now: Instant) {
        guard serving != self.serving || gone != self.gone else { return }
        self.serving = serving
        self.gone = gone
        // An answer under way is judged by the new wishes.
        if !isCalling { nextDeadline = now }
    }

    /// The next call, if one is due.
    public mutating func tick(at now: Instant) -> RouterCall? {
        guard !isCalling, let due = nextDeadline, due <= now else { return nil }
        return call(.list)
    }

    /// - Returns: the call that follows at once, if any.
    public mutating func answered(_ answer: RouterAnswer, at now: Instant) -> RouterCall? {
        isCalling = false
        switch answer {
        case .done, .failed:
            nextDeadline = now + Self.soon
            return nil
        case .listed(let listed): return next(after: listed, at: now)
        }
    }

    /// What was not tried yet comes first: a removal that the router refuses, or takes and does not carry
    /// out, must not keep it from being told of those that serve.
    private mutating func next(
        after listed: [RouterAnswer.Listed], at now: Instant
    ) -> RouterCall? {
        let stale = listed.filter { gone.contains($0.url) }
        let known = Set(listed.map(\.url))
        removed = removed.filter { known.contains($0.key) && gone.contains($0.key) }
        added = added.filter { now - $0.value < Self.additionLimit }
        if let fresh = stale.first(where: { removed[$0.url] == nil }) {
            return remove(fresh, at: now)
        }
        if let missing = serving.first(where: {
            !known.contains($0.url) && added[$0.url] == nil
        }) {
            added[missing.url] = now
            return call(.add(missing))
        }
        let due = stale.min { removed[$0.url, default: .zero] < removed[$1.url, default: .zero] }
        if let due { return remove(due, at: now) }
        let isAwaited = serving.contains { !known.contains($0.url) }
        nextDeadline = now + (isAwaited ? Self.soon : Self.interval)
        return nil
    }

    private mutating func remove(_ stale: RouterAnswer.Listed, at now: Instant) -> RouterCall {
        removed[stale.url] = now
        // It may be back before the time for its last addition is over.
        added[stale.url] = nil
        return call(.remove(identity: stale.identity, url: stale.url))
    }

    private mutating func call(_ call: RouterCall) -> RouterCall {
        isCalling = true
        nextDeadline = nil
        return call
    }
}
