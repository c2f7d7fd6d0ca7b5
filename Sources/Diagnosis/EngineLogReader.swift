// All that is read out of the log of one engine, in one pass over its bytes.

/// Follows one log. A value: reading a piece twice from the same place gives the same.
public struct EngineLogReader: Hashable, Sendable {
    private var lines = LogLines()
    private var loading = LoadingReader()

    public init() {}

    /// How far the load has come; nil where the log has not told yet.
    public var progress: LoadingProgress? { loading.progress }

    /// Takes the next bytes of the log.
    public mutating func read(_ bytes: [UInt8]) {
        var loading = self.loading
        lines.append(bytes) { loading.read($0) }
        self.loading = loading
    }
}
