// The first frame of each direction: who is there. The dialler speaks first and the listener
// answers only when it accepts, so that a dialler that has the answer knows it was accepted.

import Base

/// Who is at the other end of a stream.
struct Hello: Hashable {
    /// Raised with every change that an older agent would misread; both ends must have the same.
    static let currentVersion: UInt16 = 1
    /// A hello is read before anybody is known, so it is short.
    static let limitBytes = 1024

    var version = Hello.currentVersion
    var cluster: String
    var node: NodeID
    /// Whom the sender takes the receiver for: an agent that listens at the address of another
    /// refuses instead of pretending.
    var target: NodeID
    /// Random, new for each start of an agent: a restarted peer is told from a second stream.
    var instance: UInt64
    /// The dialler's random name for this stream; the listener repeats it.
    var stream: UInt64
    /// The name of the last stream between the two that the sender has seen end; 0 for none.
    /// The receiver may still hold it, after a partition that only one side has noticed.
    var endedStream: UInt64
    /// The machine that the sender runs on, and when it was started, so that a restarted agent is told from a
    /// twin; nil from an older agent, which also understands no refusal.
    var origin: Origin?
    /// Why the sender does not let the receiver in; nil where it does.
    var refusal: Refusal?

    /// Where and since when an agent runs.
    struct Origin: Hashable {
        /// A hash of the machine's and the boot's names; 0 where unknown.
        let machine: UInt64
        let startedAt: WallTime
    }

    /// An answer instead of an acceptance, to a peer that knows the key.
    struct Refusal: Hashable {
        /// Another agent of that name is here, and was first.
        let isTwin: Bool
        let reason: String
    }

    /// So that a hello stays short.
    private static let reasonLimit = 400

    func encode() -> [UInt8] {
        var bytes = Array("GLMA".utf8)
        bytes.append(bigEndian: version)
        bytes.append(bigEndian: instance)
        bytes.append(bigEndian: stream)
        bytes.append(bigEndian: endedStream)
        bytes.append(text: cluster)
        bytes.append(text: node.name)
        bytes.append(text: target.name)
        guard let origin else { return bytes }
        bytes.append(bigEndian: origin.machine)
        bytes.append(bigEndian: UInt64(bitPattern: origin.startedAt.millisecondsSinceEpoch))
        let code: UInt16 = refusal.map { $0.isTwin ? 1 : 2 } ?? 0
        bytes.append(bigEndian: code)
        let reason = (refusal?.reason ?? "").utf8.prefix(Self.reasonLimit)
        bytes.append(text: String(decoding: reason, as: UTF8.self))
        return bytes
    }

    init(
        cluster: String, node: NodeID, target: NodeID, instance: UInt64, stream: UInt64,
        endedStream: UInt64
    ) {
        self.cluster = cluster
        self.node = node
        self.target = target
        self.instance = instance
        self.stream = stream
        self.endedStream = endedStream
    }

    /// nil when these bytes are no hello. What a newer agent appends is ignored.
    init?(decoding bytes: [UInt8]) {
        var reader = ByteCursor(bytes[...])
        guard reader.bytes(4).map(Array.init) == Array("GLMA".utf8),
            let version = reader.unsigned(UInt16.self),
            let instance = reader.unsigned(UInt64.self),
            let stream = reader.unsigned(UInt64.self),
            let endedStream = reader.unsigned(UInt64.self),
            let cluster = reader.text(), let node = reader.text(), let target = reader.text()
        else { return nil }
        self.init(
            cluster: cluster, node: NodeID(node), target: NodeID(target), instance: instance,
            stream: stream, endedStream: endedStream)
        self.version = version
        guard let machine = reader.unsigned(UInt64.self),
            let startedAt = reader.unsigned(UInt64.self),
            let code = reader.unsigned(UInt16.self), let reason = reader.text()
        else { return }
        origin = Origin(
            machine: machine,
            startedAt: WallTime(millisecondsSinceEpoch: Int64(bitPattern: startedAt)))
        if code != 0 { refusal = Refusal(isTwin: code == 1, reason: reason) }
    }

    /// Whether this agent was there before another of its name; the number of the start decides where clocks
    /// say the same.
    func isEarlier(than other: Hello) -> Bool {
        guard let origin, let theirs = other.origin else { return false }
        let (own, its) = (origin.startedAt, theirs.startedAt)
        return (own.millisecondsSinceEpoch, instance) < (its.millisecondsSinceEpoch, other.instance)
    }

    /// Whether two agents of one name run on two machines.
    func isTwin(of other: Hello) -> Bool {
        guard let own = origin?.machine, let its = other.origin?.machine else { return false }
        return instance != other.instance && own != 0 && its != 0 && own != its
    }
}
