// What snapshots hold of deployments that were wanted before.

import Base
public import CBOR
public import ClusterState
import Planning

extension PastDeployment: WireCodable {
    public var cbor: CBORValue { .array([.unsigned(serial), deployment.cbor]) }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "past deployment")
        self.init(
            serial: try record.counter(), deployment: try record.value(as: Deployment.self))
    }
}

extension Rollout: WireCodable {
    public var cbor: CBORValue { .array([.list(past), .bool(isSetAside), .bool(isAtOnce)]) }

    public init(cbor: CBORValue) throws(CBORError) {
        var record = try CBORRecord(cbor, "roll-out")
        self.init(
            past: try record.list(of: PastDeployment.self), isSetAside: try record.bool(),
            isAtOnce: try record.bool())
    }
}
