// One engine in the router's table, with its health.

import Base

/// A worker: known from the beginning or added later; used while it is healthy.
final class RouterWorker {
    let id: String
    let address: WorkerAddress
    private(set) var isHealthy = false
    private(set) var hasBeenHealthy = false
    let addedAt: Instant
    /// Requests that it works on.
    var load = 0
    var isBeingChecked = false
    private var failures = 0

    /// After so many failed checks in a row a worker is unhealthy.
    private static let failureLimit = 2

    init(id: String, address: WorkerAddress, addedAt: Instant) {
        self.id = id
        self.address = address
        self.addedAt = addedAt
    }

    /// Takes the result of a check.
    /// - Returns: whether its health has changed.
    func checked(_ answered: Bool) -> Bool {
        let before = isHealthy
        if answered {
            failures = 0
            isHealthy = true
            hasBeenHealthy = true
        } else {
            failures += 1
            if failures >= Self.failureLimit { isHealthy = false }
        }
        return before != isHealthy
    }

    /// It refused a request: one more failed check, told at once.
    func refusedRequest() {
        _ = checked(false)
    }

    var document: JSONValue {
        [
            "id": .string(id), "url": .string(address.url),
            "worker_type": .string(address.kind.rawValue), "is_healthy": .bool(isHealthy),
            "bootstrap_port": JSONValue(address.bootstrapPort.map { Int($0) }),
            "load": JSONValue(load),
        ]
    }
}

@available(*, unavailable) extension RouterWorker: Sendable {}

/// The table of workers, in the order in which they came.
final class RouterWorkers {
    private(set) var all: [RouterWorker] = []
    private var turns: [WorkerKind: Int] = [:]
    private var lastNumber = 0

    /// - Returns: the worker, or nil where its URL is in the table already.
    func add(_ address: WorkerAddress, at now: Instant) -> RouterWorker? {
        guard !all.contains(where: { $0.address.url == address.url }) else { return nil }
        lastNumber += 1
        let id = "00000000-0000-4000-8000-\(String(1_000_000_000_000 + lastNumber).dropFirst())"
        let worker = RouterWorker(id: id, address: address, addedAt: now)
        all.append(worker)
        return worker
    }

    func remove(_ worker: RouterWorker) {
        all.removeAll { $0 === worker }
    }

    func worker(id: String) -> RouterWorker? {
        all.first { $0.id == id }
    }

    func count(_ kind: WorkerKind, healthyOnly: Bool = false) -> Int {
        all.count { $0.address.kind == kind && ($0.isHealthy || !healthyOnly) }
    }

    /// The next healthy worker of a kind, each in its turn.
    func next(_ kind: WorkerKind, avoiding tried: Set<String> = []) -> RouterWorker? {
        let healthy = all.filter {
            $0.address.kind == kind && $0.isHealthy && !tried.contains($0.id)
        }
        guard !healthy.isEmpty else { return nil }
        let turn = turns[kind, default: 0]
        turns[kind] = turn + 1
        return healthy[turn % healthy.count]
    }
}

@available(*, unavailable) extension RouterWorkers: Sendable {}
