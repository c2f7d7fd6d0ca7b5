// What one group means to another. The transfer store lives in the memory of its owner, rank 0 of the first
// prefill group: with it goes what every rank of every prefill and decode has written there. Whether those
// who shared it find together again in the next one is not certain (memfabric 1.0 reconnects, SGLang
// does not promise to), so they restart with it. And a decode drops what it knows of a prefill only after
// heartbeats have failed: a prefill that is back sooner, at the same address, would be taken for the old.

import Base
import ClusterState
import Planning
import Supervision

extension NodeMachine {
    /// Why a generation that runs must end with the store it was launched with. While the operator has
    /// stopped the owner, its sharers go on: those that have met keep each other's addresses.
    func lostStore(of record: GroupRecord) -> EndCause? {
        guard record.phase == .running, let launchedWith = record.storeGeneration,
            let owner = state.plan?.storeOwner, owner != record.name
        else { return nil }
        let store = state.record(of: owner)
        let text = "shares the transfer store\(ofOwner(owner)), "
        switch store.phase {
        case .running, .idle:
            guard store.generation != launchedWith else { return nil }
            return EndCause(endOf: owner, why: text + "which has a new one")
        case .ended(let cause), .failed(let cause):
            guard store.generation != launchedWith || state.isWanted(owner) else { return nil }
            return EndCause(
                endOf: owner, why: text + "whose generation \(store.generation) ended: \(cause.why)"
            )
        }
    }

    /// Why a group that shares a store cannot be launched: the store must be there first, and a new
    /// one must find nobody who knew the old. A store of its own must serve by then: else rank 0 of the
    /// prefill on its node, which tries to open one too, may be the first to hold the port.
    func storePrerequisite(of group: PlannedGroup?) -> String? {
        guard let group, group.store != nil, let owner = state.plan?.storeOwner else { return nil }
        guard owner == group.name else {
            let store = state.record(of: owner)
            let isThere = !isOwnProcess(owner) || store.servesSince != nil
            if store.phase == .running, isThere { return nil }
            let isStopped = !state.isWanted(owner)
            return
                (isOwnProcess(owner)
                ? "for the transfer store that it shares"
                : "for \(owner), which has the transfer store that it shares")
                + (isStopped ? "; \(owner) is stopped by the operator" : "")
        }
        for sharer in state.sharers(ofStoreIn: owner) {
            let record = state.record(of: sharer)
            let isRunning = record.phase == .running && record.storeGeneration != nil
            if isRunning || !leftovers(of: sharer, record).isEmpty {
                return "for \(sharer) to end, which shares its transfer store"
            }
        }
        return nil
    }

    private func isOwnProcess(_ owner: GroupName) -> Bool {
        state.plan?.group(owner)?.role == .store
    }

    /// ` of prefill-0`; nothing where the store is a group of its own.
    private func ofOwner(_ owner: GroupName) -> String {
        isOwnProcess(owner) ? "" : " of \(owner)"
    }

    /// How long a prefill group must be gone before its next generation; nil where no decode runs that may
    /// have known it. One that was launched with a newer store has not.
    func silence(before group: PlannedGroup?, _ record: GroupRecord) -> Duration? {
        guard let group, group.role == .prefill, record.generation > .none, let plan = state.plan,
            plan.groups.contains(where: {
                let decode = state.record(of: $0.name)
                return $0.role == .decode && decode.phase == .running
                    && decode.storeGeneration == record.storeGeneration
            })
        else { return nil }
        return leadership?.decodePatience
    }
}
