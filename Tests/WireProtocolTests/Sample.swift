// Everything that has a place on the wire or in the log, as values: every kind, every choice, and
// the edges. Protocols/vectors/wire holds the bytes of each; a sample is never changed once its
// bytes are published, only new ones are added.

import Base
import CBOR
import ClusterState
import Testing
import WireProtocol

/// A value with a name and the CDDL rule that its bytes follow.
struct Sample: Sendable, CustomTestStringConvertible {
    enum Value: Hashable, Sendable {
        case message(WireMessage)
        case command(Command)
        case state(ReplicatedState)
    }

    let name: String
    /// The rule of Protocols/wire.cddl.
    let rule: String
    let value: Value

    var testDescription: String { name }

    init(_ name: String, _ message: WireMessage) {
        self.name = name
        rule = "frame"
        value = .message(message)
    }

    init(_ name: String, _ action: Command.Action, at milliseconds: Int64 = 1_795_547_128_120) {
        self.name = name
        rule = "command"
        let time = WallTime(millisecondsSinceEpoch: milliseconds)
        value = .command(Command(action, at: time))
    }

    init(_ name: String, _ state: ReplicatedState) {
        self.name = name
        rule = "replicated-state"
        value = .state(state)
    }

    var bytes: [UInt8] { value.bytes }

    /// Reads bytes as the kind of value that this sample is.
    func read(_ bytes: [UInt8]) throws(CBORError) -> Value {
        switch value {
        case .message: .message(try WireMessage(frame: bytes))
        case .command: .command(try Command(cbor: try CBORValue(decoding: bytes)))
        case .state: .state(try ReplicatedState(cbor: try CBORValue(decoding: bytes)))
        }
    }
}

extension Sample.Value {
    var bytes: [UInt8] {
        switch self {
        case .message(let message): message.frame
        case .command(let command): command.cbor.encoded
        case .state(let state): state.cbor.encoded
        }
    }
}
