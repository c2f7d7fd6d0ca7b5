// Payloads of the frames that carry tensors.

extension LayerWork {
    var payload: [UInt8] {
        var writer = ByteWriter()
        writer.append(UInt32(layer))
        writer.append(UInt32(rows.count))
        for row in rows {
            writer.append(row.position)
            writer.append(row.activation)
        }
        return writer.bytes
    }

    init?(payload: [UInt8]) {
        var reader = ByteReader(bytes: payload[...])
        guard let layer = reader.number(), layer < ToyModel.layerCount else { return nil }
        let rows = reader.list { reader -> Row? in
            guard let position = reader.number(), let activation = reader.activation() else {
                return nil
            }
            return Row(position: position, activation: activation)
        }
        guard let rows else { return nil }
        self.init(layer: Int(layer), rows: rows)
    }
}

/// The tokens that one node sends to the experts of another.
struct Dispatch: Hashable, Sendable {
    let layer: Int
    let calls: [ExpertCall]

    var payload: [UInt8] {
        var writer = ByteWriter()
        writer.append(UInt32(layer))
        writer.append(UInt32(calls.count))
        for call in calls {
            writer.append(UInt32(call.device))
            writer.append(UInt32(call.expert))
            writer.append(call.input)
        }
        return writer.bytes
    }

    init(layer: Int, calls: [ExpertCall]) {
        self.layer = layer
        self.calls = calls
    }

    init?(payload: [UInt8]) {
        var reader = ByteReader(bytes: payload[...])
        guard let layer = reader.number(), layer < ToyModel.layerCount else { return nil }
        let calls = reader.list { reader -> ExpertCall? in
            guard let device = reader.number(), let expert = reader.number(),
                expert < ToyModel.expertCount, let input = reader.activation()
            else { return nil }
            return ExpertCall(device: Int(device), expert: Int(expert), input: input)
        }
        guard let calls else { return nil }
        self.init(layer: Int(layer), calls: calls)
    }
}

/// Results, in the order of what was asked.
enum Outputs {
    static func payload(_ outputs: [Activation]) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(UInt32(outputs.count))
        for output in outputs { writer.append(output) }
        return writer.bytes
    }

    static func read(_ payload: [UInt8]) -> [Activation]? {
        var reader = ByteReader(bytes: payload[...])
        return reader.list { $0.activation() }
    }
}
