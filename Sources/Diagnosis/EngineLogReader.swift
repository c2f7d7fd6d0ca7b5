// All that is read out of the log of one engine, in one pass over its bytes.

/// Follows one log. A value: reading a piece twice from the same place gives the same.
public struct EngineLogReader: Hashable, Sendable {
    private var lines = LogLines()
    private var loading = LoadingReader()
    private var recogniser: Recogniser

    /// - Parameters:
    ///   - shape: of the engine's world, where it is known; dies are told by it.
    ///   - speaker: who wrote the log, where one process alone did.
    public init(shape: EngineShape? = nil, speaker: LogSpeaker? = nil) {
        recogniser = Recogniser(shape: shape, speaker: speaker)
    }

    /// How far the load has come; nil where the log has not told yet.
    public var progress: LoadingProgress? { loading.progress }

    /// What is wrong, in the order of the log; bounded.
    public var sightings: [Sighting] { recogniser.sightings }

    /// Takes the next bytes of the log.
    /// - Parameters:
    ///   - bytes: what was appended between two looks.
    ///   - seen: when these were, by the node's clock.
    ///   - zone: by how many seconds local time is ahead of UTC.
    public mutating func read(_ bytes: [UInt8], within seen: TimeSpan, zone: Int = 0) {
        // Taken apart, so that none of them is copied.
        var loading = self.loading
        var recogniser = self.recogniser
        lines.append(bytes) {
            loading.read($0)
            recogniser.read($0, within: seen, zone: zone)
        }
        self.loading = loading
        self.recogniser = recogniser
    }
}
