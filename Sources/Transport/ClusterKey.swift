// The secret that makes an agent a member of its cluster. Every agent has the same; who has it may
// talk, who has it not learns nothing but that the connection was closed.

import COpenSSL

/// Why there can be no TLS, or no more of it.
public struct TLSError: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = description
    }

    /// With the oldest error that OpenSSL noted in this thread.
    init(openSSL what: String) {
        let code = ERR_get_error()
        let reason = ERR_reason_error_string(code).map { String(cString: $0) }
        ERR_clear_error()
        self.init("\(what): \(reason ?? "no reason given")")
    }
}

/// A pre-shared key of a cluster.
public struct ClusterKey: Hashable, Sendable, CustomStringConvertible {
    /// Less could be guessed from one recorded handshake.
    public static let lengthBytes = 32...256

    let bytes: [UInt8]
    /// Names the key without giving it away, so that two keys can be valid during a rotation:
    /// the first 16 hexadecimal digits of the SHA-256 of a label and the key.
    public let fingerprint: String

    /// - Parameter bytes: the secret, ``lengthBytes`` long; random bytes, not a phrase.
    /// - Throws: ``TLSError`` when the length is wrong.
    public init(_ bytes: [UInt8]) throws(TLSError) {
        guard Self.lengthBytes.contains(bytes.count) else {
            throw TLSError(
                "the cluster key has \(bytes.count) bytes, but needs \(Self.lengthBytes.lowerBound)"
                    + " to \(Self.lengthBytes.upperBound); make one with: openssl rand -hex 32")
        }
        self.bytes = bytes
        let labelled = Array("glm-agent key fingerprint".utf8) + bytes
        var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
        SHA256(labelled, labelled.count, &digest)
        fingerprint = digest.prefix(8)
            .map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
            .joined()
    }

    /// Never the secret itself.
    public var description: String { "cluster key \(fingerprint)" }

    /// What a dialling agent calls the key in its first, unencrypted message.
    func identity(cluster: String) -> [UInt8] {
        Array("glm-agent/\(cluster)/\(fingerprint)".utf8)
    }
}
