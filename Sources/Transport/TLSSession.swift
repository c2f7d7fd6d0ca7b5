// TLS 1.3 with an external pre-shared key (RFC 8446 §2.2, §4.2.11) as a byte pump: ciphertext in,
// plaintext and ciphertext out, no socket. The key exchange is always psk_dhe_ke, so a key that
// leaks later does not open recorded traffic.
//
// OpenSSL can hold a certificate handshake where no key matches. Here neither side has one, the
// client demands verification, and a session that did not use the key is refused: three locks on
// the one door by which an unauthenticated peer could come in.

import Base
import COpenSSL

/// What all sessions of a cluster share. The keys can be replaced; running sessions keep theirs.
final class TLSContext {
    let cluster: String
    /// The first is the one to dial with; all are accepted.
    var keys: [ClusterKey]
    fileprivate let raw: OpaquePointer

    /// - Throws: ``TLSError`` when OpenSSL cannot do TLS 1.3 with this cipher.
    init(cluster: String, keys: [ClusterKey]) throws(TLSError) {
        invariant(!keys.isEmpty, "a cluster without a key")
        self.cluster = cluster
        self.keys = keys
        guard let raw = SSL_CTX_new(TLS_method()) else {
            throw TLSError(openSSL: "create a TLS context")
        }
        self.raw = raw
        guard copenssl_require_tls13(raw) == 1,
            SSL_CTX_set_ciphersuites(raw, "TLS_AES_256_GCM_SHA384") == 1,
            SSL_CTX_set_num_tickets(raw, 0) == 1
        else { throw TLSError(openSSL: "configure TLS 1.3") }
        copenssl_disable_session_cache(raw)
        copenssl_release_idle_buffers(raw)
        SSL_CTX_set_psk_use_session_callback(raw) { ssl, _, identity, length, session in
            guard let offered = TLSSession.of(ssl)?.offer else { return 0 }
            identity?.pointee = UnsafePointer(offered.identity.baseAddress)
            length?.pointee = offered.identity.count
            session?.pointee = pskSession(ssl, key: offered.key)
            return session?.pointee == nil ? 0 : 1
        }
        SSL_CTX_set_psk_find_session_callback(raw) { ssl, identity, length, session in
            let wanted = Array(UnsafeBufferPointer(start: identity, count: length))
            let key = TLSSession.of(ssl)?.acceptKey(named: wanted)
            // No key is no error of the callback; the handshake then finds nothing to go on with.
            session?.pointee = key.flatMap { pskSession(ssl, key: $0) }
            return 1
        }
    }

    deinit {
        SSL_CTX_free(raw)
    }
}

@available(*, unavailable) extension TLSContext: Sendable {}

/// The session object by which OpenSSL takes a pre-shared key. The caller owns it.
private func pskSession(_ ssl: OpaquePointer?, key: ClusterKey) -> OpaquePointer? {
    let suite: [UInt8] = [0x13, 0x02]  // TLS_AES_256_GCM_SHA384
    guard let cipher = SSL_CIPHER_find(ssl, suite), let session = SSL_SESSION_new() else {
        return nil
    }
    guard SSL_SESSION_set1_master_key(session, key.bytes, key.bytes.count) == 1,
        SSL_SESSION_set_cipher(session, cipher) == 1,
        SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) == 1
    else {
        SSL_SESSION_free(session)
        return nil
    }
    return session
}

/// One end of one TLS connection.
final class TLSSession {
    enum Side {
        /// Offers this key.
        case client(ClusterKey)
        case server
    }

    /// What the client offers; the bytes stay in place for OpenSSL to copy.
    fileprivate struct Offer {
        let key: ClusterKey
        let identity: UnsafeMutableBufferPointer<UInt8>
    }

    /// The handshake is done and both ends have shown that they know the key.
    private(set) var isOpen = false
    /// The peer said in so many words that it sends no more. A dead process cannot say that.
    private(set) var peerSaidGoodbye = false
    /// The key of the session: offered by the client, chosen by the server.
    private(set) var key: ClusterKey?
    fileprivate let offer: Offer?
    /// The client has named a key that is none of this side's.
    private var wasOfferedUnknownKey = false

    private let context: TLSContext
    private let ssl: OpaquePointer
    private let incoming: OpaquePointer
    private let outgoing: OpaquePointer

    /// - Throws: ``TLSError`` when OpenSSL has no memory.
    init(_ context: TLSContext, _ side: Side) throws(TLSError) {
        guard let ssl = SSL_new(context.raw), let incoming = BIO_new(BIO_s_mem()),
            let outgoing = BIO_new(BIO_s_mem())
        else { throw TLSError(openSSL: "create a TLS session") }
        self.context = context
        self.ssl = ssl
        self.incoming = incoming
        self.outgoing = outgoing
        SSL_set_bio(ssl, incoming, outgoing)  // takes both over
        switch side {
        case .client(let key):
            let identity = key.identity(cluster: context.cluster)
            let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: identity.count)
            _ = copy.initialize(from: identity)
            offer = Offer(key: key, identity: copy)
            self.key = key
            // No certificate can pass: there is no authority to check one against.
            SSL_set_verify(ssl, SSL_VERIFY_PEER, nil)
            SSL_set_connect_state(ssl)
        case .server:
            offer = nil
            SSL_set_accept_state(ssl)
        }
        SSL_set_ex_data(ssl, 0, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit {
        SSL_free(ssl)
        offer?.identity.deallocate()
    }

    /// Goes on with the handshake; the client's first message comes from the first call.
    /// - Throws: ``TLSError`` when the peer does not know the key, or does not speak TLS 1.3.
    func handshake() throws(TLSError) {
        guard !isOpen else { return }
        ERR_clear_error()
        let result = SSL_do_handshake(ssl)
        guard result == 1 else {
            guard SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ else {
                guard !wasOfferedUnknownKey else {
                    // What OpenSSL says of it is how it failed without the key, not why.
                    ERR_clear_error()
                    throw TLSError("the secret differs (or is of another cluster)")
                }
                throw TLSError(openSSL: "TLS handshake")
            }
            return
        }
        guard SSL_session_reused(ssl) == 1, key != nil else {
            throw TLSError("TLS handshake: the peer did not prove that it knows the cluster key")
        }
        isOpen = true
    }

    /// Takes ciphertext from the peer.
    /// - Returns: the plaintext that it completes; may be empty.
    /// - Throws: ``TLSError`` when it is not from who knows the key, or was tampered with.
    func open(_ ciphertext: [UInt8]) throws(TLSError) -> [UInt8] {
        guard BIO_write(incoming, ciphertext, Int32(ciphertext.count)) == ciphertext.count else {
            throw TLSError(openSSL: "buffer ciphertext")
        }
        try handshake()
        guard isOpen else { return [] }
        var plaintext: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 * 1024)
        while true {
            ERR_clear_error()
            let count = SSL_read(ssl, &chunk, Int32(chunk.count))
            if count > 0 {
                plaintext += chunk[..<Int(count)]
                continue
            }
            switch SSL_get_error(ssl, count) {
            case SSL_ERROR_WANT_READ: return plaintext
            case SSL_ERROR_ZERO_RETURN:
                peerSaidGoodbye = true
                return plaintext
            default: throw TLSError(openSSL: "TLS record")
            }
        }
    }

    /// Encrypts; the ciphertext is waiting in ``takeOutput()`` then.
    /// - Throws: ``TLSError`` when the session is over.
    func seal(_ plaintext: [UInt8]) throws(TLSError) {
        invariant(isOpen, "plaintext before the handshake was done")
        ERR_clear_error()
        guard SSL_write(ssl, plaintext, Int32(plaintext.count)) == plaintext.count else {
            throw TLSError(openSSL: "TLS write")
        }
    }

    /// Says that nothing more will be sent, and that this is meant (the close_notify alert).
    func sayGoodbye() {
        if isOpen { SSL_shutdown(ssl) }
    }

    /// The ciphertext to be sent to the peer.
    func takeOutput() -> [UInt8] {
        let pending = BIO_ctrl_pending(outgoing)
        guard pending > 0 else { return [] }
        return [UInt8](unsafeUninitializedCapacity: pending) { buffer, count in
            count = max(0, Int(BIO_read(outgoing, buffer.baseAddress, Int32(pending))))
        }
    }

    fileprivate func acceptKey(named identity: [UInt8]) -> ClusterKey? {
        key = context.keys.first { $0.identity(cluster: context.cluster) == identity }
        wasOfferedUnknownKey = key == nil
        return key
    }

    fileprivate static func of(_ ssl: OpaquePointer?) -> TLSSession? {
        SSL_get_ex_data(ssl, 0).map {
            Unmanaged<TLSSession>.fromOpaque($0).takeUnretainedValue()
        }
    }
}

@available(*, unavailable) extension TLSSession: Sendable {}
