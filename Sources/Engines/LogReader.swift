// Reading what shards wrote, without the shim: the files are enough, also after it has gone.

public import Base
public import EventLoop

/// The log of one shard.
public struct LogReader: Sendable {
    /// More than this is not read for a tail: a line may be long, and an answer must be short.
    static let tailLimitBytes = 4 << 20

    private let directory: String

    /// - Parameters:
    ///   - state: the agent's state directory.
    ///   - shard: whose log.
    public init(state: String, shard: ShardID) {
        self.init(ShardDirectory(state: state, shard: shard))
    }

    init(_ directory: ShardDirectory) {
        self.directory = directory.logDirectory
    }

    /// The shards that have a log in that state directory, by name.
    public static func shards(in state: String) -> [ShardID] {
        let entries = (try? Files.list(ShardDirectory.all(in: state))) ?? []
        return entries.compactMap { ShardID(directoryName: $0.name) }
            .filter {
                let log = ShardDirectory(state: state, shard: $0).logDirectory
                return Files.exists(EngineLog.current(in: log))
            }
            .sorted()
    }

    /// The last lines, oldest first, across rotated files.
    /// - Throws: ENOENT when the shard has no log here.
    public func tail(lines wanted: Int) throws(UVError) -> [String] {
        var text: [UInt8] = []
        var index = 0
        while true {
            let path = EngineLog.file(index, in: directory)
            guard index == 0 || Files.exists(path) else { break }
            text = try end(of: path, upTo: Self.tailLimitBytes - text.count) + text
            // One more newline than lines: that one ends the line before the first.
            let newlines = text.lazy.filter { $0 == UInt8(ascii: "\n") }.count
            if newlines > wanted || text.count >= Self.tailLimitBytes { break }
            index += 1
        }
        if text.last == UInt8(ascii: "\n") { text.removeLast() }
        guard !text.isEmpty else { return [] }
        return text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .suffix(wanted).map { String(decoding: $0, as: UTF8.self) }
    }

    /// A piece of the log for a reader elsewhere: the last lines, or what follows an offset.
    ///
    /// A rotation between two pieces costs nothing: the rest of the old file comes first.
    /// - Returns: the text, at most ``tailLimitBytes``, and where the next piece begins.
    /// - Throws: ENOENT when the shard has no log here.
    public func piece(
        lastLines: Int, from offset: UInt64?
    ) throws(UVError) -> (text: String, next: UInt64) {
        let current = try OpenFile(EngineLog.current(in: directory), .read)
        let length = try current.length()
        guard let offset else {
            let lines = try tail(lines: lastLines)
            return (lines.map { $0 + "\n" }.joined(), UInt64(length))
        }
        var text: [UInt8] = []
        var start = Int(clamping: offset)
        if start > length {
            let rotated = EngineLog.file(1, in: directory)
            if Files.exists(rotated) {
                text = try OpenFile(rotated, .read).read(at: start, count: Self.tailLimitBytes)
            }
            start = 0
        }
        text += try current.read(at: start, count: Self.tailLimitBytes - text.count)
        let next = start + text.count
        return (String(decoding: text, as: UTF8.self), UInt64(min(next, length)))
    }

    /// Tells the last lines and then every line as it is written, until the follower is dropped.
    /// - Parameters:
    ///   - loop: where to look, five times a second.
    ///   - wanted: how many of the lines already in the current file to begin with.
    ///   - onLines: told one line or more at a time.
    /// - Returns: the follower, to be held as long as lines are wanted.
    /// - Throws: ENOENT when the shard has no log here.
    public func follow(
        _ loop: Loop, lines wanted: Int, onLines: @escaping ([String]) -> Void
    ) throws(UVError) -> LogFollower {
        try LogFollower(loop, directory: directory, lines: wanted, onLines: onLines)
    }

    private func end(of path: String, upTo limit: Int) throws(UVError) -> [UInt8] {
        let file = try OpenFile(path, .read)
        let length = try file.length()
        let count = min(length, max(0, limit))
        return try file.read(at: length - count, count: count)
    }
}
