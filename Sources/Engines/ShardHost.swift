// All shards of one node, as its agent sees them. An agent that ends leaves them running and finds
// them again when it comes back, since everything there is to know stands in their directories.

public import Base
public import EventLoop
import Glibc
import Host
public import Planning

/// Starts, follows and stops shards through their shims.
public final class ShardHost {
    /// So many generations of a group keep their logs after they are forgotten.
    private static let keptGenerations = 3

    private let loop: Loop
    private let stateDirectory: String
    private let launcher: [String]
    private let grace: Duration
    private let logLimits: LogLimits
    private let onEvent: (ShardID, ShardEvent) -> Void
    let queue: FileQueue
    /// How long a shim may leave a stop without an answer before it is taken for hung.
    var acknowledgeLimit = Duration.seconds(10)
    /// How long the look at a shard may find no end before that itself is told.
    var lingerLimit = Duration.seconds(10)
    private var links: [ShardID: ShardLink] = [:]

    /// - Parameters:
    ///   - loop: where events are told, never from within a call.
    ///   - stateDirectory: the agent's own, made where it is not there; shards live under it.
    ///   - launcher: the command that is this program, such as `["/usr/bin/glm-agent"]`. The words
    ///     `shim`, `shim-exec` or `rehearsal-engine` and their arguments are put behind it.
    ///   - grace: between SIGTERM and SIGKILL where a shim is stopped by somebody else.
    ///   - logLimits: how much of each shard's output is kept.
    ///   - onEvent: told what happens.
    /// - Throws: when the state directory cannot be made or its path is too long.
    public init(
        _ loop: Loop, stateDirectory: String, launcher: [String],
        grace: Duration = .seconds(30), logLimits: LogLimits = .standard,
        onEvent: @escaping (ShardID, ShardEvent) -> Void
    ) throws(UVError) {
        invariant(!launcher.isEmpty, "a shard host without a program to launch its shims")
        self.loop = loop
        self.launcher = launcher
        self.grace = grace
        self.logLimits = logLimits
        self.onEvent = onEvent
        queue = FileQueue(loop)
        let shards = ShardDirectory.all(in: stateDirectory)
        try Files.makeDirectories(shards, permissions: 0o700)
        // One directory must have one name: it is part of what processes are known by.
        guard let resolved = realpath(stateDirectory, nil) else {
            throw UVError(errno: errno, operation: "resolve", subject: stateDirectory)
        }
        self.stateDirectory = String(cString: resolved)
        free(resolved)
    }

    /// Starts a shard. `started` or an end follows. It starts from the environment `base`; nil is that of
    /// this process, with the files of the specification sourced on top.
    public func launch(
        _ shard: ShardID, _ spec: LaunchSpec, _ engine: EngineKind,
        base: [EnvironmentVariable]? = nil
    ) {
        invariant(links[shard]?.hasEnded ?? true, "\(shard) is launched while it runs")
        let launch = ShardLaunch(
            shard: shard, spec: spec, engine: engine, base: base, stateDirectory: stateDirectory,
            launcher: launcher, grace: grace, logLimits: logLimits)
        let directory = ShardDirectory(state: stateDirectory, shard: shard)
        guard directory.isShortEnough else {
            let reason =
                "the path \(directory.socketFile) is too long for a socket; "
                + "choose a shorter state directory"
            loop.soon { [weak self] in self?.onEvent(shard, .failed(reason)) }
            return
        }
        follow(launch, isAdopted: false).start()
    }

    /// Ends a shard: SIGTERM to its main process, SIGKILL to all of it after the grace. `stopped`
    /// follows when nothing is left, or `exited` where it had ended by itself before. A shard that
    /// has ended, or is not known, is left alone.
    public func stop(_ shard: ShardID, grace: Duration) {
        links[shard]?.stop(grace: grace)
    }

    /// The processes of a shard that is being ended that SIGKILL has not ended within a second or
    /// so: they hang in a driver, and the shard does not end before they do.
    public func stuckProcesses(of shard: ShardID) -> [Int32] {
        links[shard]?.stuckProcesses ?? []
    }

    /// The main process of a shard's engine, as its shim has told it; nil where none runs.
    func engine(of shard: ShardID) -> ProcessIdentity? {
        links[shard].flatMap { $0.hasEnded ? nil : $0.engine }
    }

    /// What ``adoptAll()`` could not read, each with its path.
    public private(set) var unreadable: [String] = []

    /// Finds the shards of earlier runs of this agent; to be called once, before any launch. For
    /// each one `adopted` or an end follows, within ten seconds even where a driver or a disk hangs.
    /// - Returns: what was found, by shard.
    /// - Throws: when the directory cannot be listed.
    public func adoptAll() throws(UVError) -> [ShardLaunch] {
        var found: [ShardLaunch] = []
        for entry in try Files.list(ShardDirectory.all(in: stateDirectory)) {
            guard let shard = ShardID(directoryName: entry.name) else { continue }
            let directory = ShardDirectory(state: stateDirectory, shard: shard)
            guard Files.exists(directory.launchFile) else { continue }
            let launch: ShardLaunch
            do throws(ShimFileError) {
                launch = try ShardLaunch.read(from: directory)
            } catch {
                // It cannot have been started like this, as a shim reads the same file; but it may have
                // been damaged since.
                unreadable.append("\(error); if \(shard) runs, `glm-agent doctor` finds it")
                continue
            }
            guard launch.shard == shard, launch.stateDirectory == stateDirectory else { continue }
            found.append(launch)
            follow(launch, isAdopted: true).examine()
        }
        return found.sorted { $0.shard < $1.shard }
    }

    /// Removes all of a shard that has ended but its log. The logs of a group's older generations
    /// are removed with it.
    public func forget(_ shard: ShardID) {
        guard let link = links[shard] else { return }
        invariant(link.hasEnded, "\(shard) is forgotten while it runs")
        links[shard] = nil
        queue.run(
            { [stateDirectory] () throws(UVError) in
                try Self.removeAllButLog(ShardDirectory(state: stateDirectory, shard: shard))
                try Self.prune(shard.group, in: stateDirectory)
            },
            // A directory that stays is forgotten at the next adoption.
            completion: { _ in })
    }

    /// Lets go of every shard and leaves it running. No event follows.
    public func close() {
        for link in links.values { link.close() }
        links = [:]
    }

    private func follow(_ launch: ShardLaunch, isAdopted: Bool) -> ShardLink {
        let link = ShardLink(
            loop, queue: queue, launch: launch, isAdopted: isAdopted,
            acknowledgeLimit: acknowledgeLimit, lingerLimit: lingerLimit
        ) { [weak self] in self?.onEvent(launch.shard, $0) }
        links[launch.shard] = link
        return link
    }

    private static func removeAllButLog(_ directory: ShardDirectory) throws(UVError) {
        // The launch first: without it, the shard does not exist.
        try Files.remove(directory.launchFile)
        for entry in try Files.list(directory.path) where !entry.isDirectory {
            try Files.remove("\(directory.path)/\(entry.name)")
        }
    }

    private static func prune(_ group: GroupName, in state: String) throws(UVError) {
        let forgotten = try Files.list(ShardDirectory.all(in: state))
            .compactMap { ShardID(directoryName: $0.name) }
            .filter {
                let directory = ShardDirectory(state: state, shard: $0)
                return $0.group == group && !Files.exists(directory.launchFile)
            }
        let kept = Set(forgotten.map(\.generation)).sorted().suffix(keptGenerations)
        for shard in forgotten where !kept.contains(shard.generation) {
            try Files.removeTree(ShardDirectory(state: state, shard: shard).path)
        }
    }
}

@available(*, unavailable) extension ShardHost: Sendable {}
