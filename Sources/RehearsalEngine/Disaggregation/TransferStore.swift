// MemFabric's config store, as far as an engine can see it: rank 0 of the first prefill binds the
// address of ASCEND_MF_STORE_URL, every rank of every prefill and decode registers there after it
// has loaded, and who cannot fails. Each store has an identity, so that a decode notices that a
// prompt comes from a prefill that registered elsewhere.
//
// The store is for meeting only. Who has registered keeps the addresses of the others while it is
// down, so that prefill and decode work on; who starts meanwhile waits for its return.

import Base
import EventLoop

/// The store itself. It lives in memory and dies with its engine.
final class TransferStore {
    private var listener: StreamListener?
    private var clients: [ObjectIdentifier: RankLink] = [:]
    private let identity: String

    /// - Throws: when the address cannot be bound.
    init(_ loop: Loop, on endpoint: Endpoint) throws(UVError) {
        identity = "\(endpoint)#\(String(loop.now.nanoseconds, radix: 36))"
        listener = try StreamListener(loop, on: endpoint) { [weak self] in self?.accept($0) }
    }

    func close() {
        listener?.close()
        for client in clients.values { client.close() }
        (listener, clients) = (nil, [:])
    }

    private func accept(_ connection: StreamConnection) {
        let link = RankLink(connection)
        let key = ObjectIdentifier(link)
        clients[key] = link
        link.onClosed = { [weak self] _ in self?.clients[key] = nil }
        link.onFrame = { [weak self, weak link] frame in
            guard let self, frame.document?["register"] != nil else { return }
            link?.send(.control(["store": .string(identity)]))
        }
    }
}

@available(*, unavailable) extension TransferStore: Sendable {}

/// One engine's registration in the store. It comes back by itself after the store was away.
final class TransferRegistration {
    /// Every store that this engine has been registered in, the newest last. Those who have one in
    /// common know each other.
    private(set) var stores: [String] = []
    private(set) var isConnected = false

    private let loop: Loop
    private let endpoint: Endpoint
    private let name: String
    private let log: EngineLog
    private var attemptsLeft: Int
    private var onFirst: ((Bool) -> Void)?
    private var link: RankLink?
    private var retry: LoopTimer?

    /// - Parameters:
    ///   - loop: where it lives.
    ///   - endpoint: the store.
    ///   - name: who registers.
    ///   - attempts: how often to dial, once a second, before the first success.
    ///   - log: told about loss and return.
    ///   - completion: told whether the first registration succeeded.
    init(
        _ loop: Loop, at endpoint: Endpoint, name: String, attempts: Int, log: EngineLog,
        completion: @escaping (Bool) -> Void
    ) {
        self.loop = loop
        self.endpoint = endpoint
        self.name = name
        self.log = log
        attemptsLeft = attempts
        onFirst = completion
    }

    func start() {
        dial()
    }

    func close() {
        retry = nil
        onFirst = nil
        link?.close()
        link = nil
    }

    private func dial() {
        let name = name
        link = try? RankLink(loop, to: endpoint, from: nil, within: .seconds(5)) { [weak self] in
            self?.link?.send(.control(["register": .string(name)]))
        }
        link?.onFrame = { [weak self] in self?.registered($0) }
        link?.onClosed = { [weak self] in self?.lost($0) }
        if link == nil { lost("no socket") }
    }

    private func registered(_ frame: RankFrame) {
        guard let store = frame.document?["store"]?.stringValue else { return }
        isConnected = true
        if !stores.contains(store) { stores.append(store) }
        log("registered in the transfer store at \(endpoint)")
        let completion = onFirst
        onFirst = nil
        completion?(true)
    }

    private func lost(_ reason: String) {
        if isConnected {
            log("the transfer store at \(endpoint) is gone (\(reason)); its peers stay known")
        }
        isConnected = false
        attemptsLeft -= 1
        if attemptsLeft <= 0, let completion = onFirst {
            onFirst = nil
            return completion(false)
        }
        retry = loop.after(.seconds(1)) { [weak self] in self?.dial() }
    }
}

@available(*, unavailable) extension TransferRegistration: Sendable {}
