// The watch over a shard's schedulers. While they come up, the tree below the shim is searched every few
// seconds; once all are known, the kernel tells when one ends (pidfd), and a look now and then is all
// that is left to do. When the whole engine goes, its main process goes with it within a moment: that
// is its shim's to tell, and nothing is said of schedulers here.

import Base
import CSystem
import EventLoop
import Glibc
import Host
import Profiles
import Supervision

/// Follows the schedulers of one shard.
final class SchedulerWatch {
    private let loop: Loop
    private let queue: FileQueue
    private let directory: ShardDirectory
    private let engine: ProcessIdentity
    private let layout: SchedulerLayout
    private let onSighting: (SchedulerSighting) -> Void
    private var record: SchedulerRecord?
    private var ends: [ProcessIdentity: ProcessEnd] = [:]
    private var timer: LoopTimer?
    private var rhythm = LookRhythm()
    private var isFollowedByKernel = true
    private var firstEnd: EndTime?
    private var told: SchedulerSighting?
    private var stillness = Stillness()

    /// - Parameters:
    ///   - loop: where everything happens.
    ///   - queue: reads the process table.
    ///   - directory: of the shard.
    ///   - engine: the main process, a child of the shim.
    ///   - layout: what there must be.
    ///   - onSighting: told of every change.
    init(
        _ loop: Loop, queue: FileQueue, directory: ShardDirectory, engine: ProcessIdentity,
        layout: SchedulerLayout, onSighting: @escaping (SchedulerSighting) -> Void
    ) {
        self.loop = loop
        self.queue = queue
        self.directory = directory
        self.engine = engine
        self.layout = layout
        self.onSighting = onSighting
        timer = LoopTimer(loop) { [weak self] in self?.look() }
        look()
    }

    /// What is seen at one moment.
    private struct Sight: Sendable {
        var record: SchedulerRecord
        var running: Set<ProcessIdentity> = []
        /// By process; the main process and the schedulers that run.
        var looks: [ProcessIdentity: Stillness.Look] = [:]
        var hasMain = false
    }

    private func look() {
        guard rhythm.begins(at: loop.now) else { return }
        let known = record
        queue.run(
            { [directory, engine, layout] in
                Self.sight(known, directory, engine, isComplete: layout.count)
            },
            completion: { [weak self] in
                if case .success(let sight) = $0 { self?.saw(sight) }
            })
    }

    private static func sight(
        _ known: SchedulerRecord?, _ directory: ShardDirectory, _ engine: ProcessIdentity,
        isComplete count: Int
    ) -> Sight {
        var sight = Sight(record: known ?? SchedulerRecord(readFrom: directory))
        guard let main = ProcessEntry(processID: engine.processID), main.identity == engine,
            !main.hasEnded
        else { return sight }
        if sight.record.schedulers.count < count, sight.record.search(below: main.parent) {
            // Where it cannot be written, a later agent knows less, and this one as much.
            try? sight.record.write(to: directory)
        }
        for identity in sight.record.schedulers.map(\.identity) + [engine] {
            guard let entry = ProcessEntry(processID: identity.processID), !entry.hasEnded,
                entry.identity == identity
            else { continue }
            sight.looks[identity] = Stillness.Look(
                state: entry.state, ticksUsed: entry.ticksUsed)
        }
        sight.hasMain = sight.looks[engine] != nil
        sight.running = Set(
            sight.record.schedulers.map(\.identity).filter { sight.looks[$0] != nil })
        return sight
    }

    private func saw(_ sight: Sight) {
        guard sight.hasMain, timer != nil else {
            _ = rhythm.looked(isSteady: true, at: loop.now)
            return
        }
        record = sight.record
        let schedulers = sight.record.schedulers
        for scheduler in schedulers where sight.running.contains(scheduler.identity) {
            follow(scheduler.identity)
        }
        let isSteady = schedulers.count >= layout.count && isFollowedByKernel
        timer?.arm(at: rhythm.looked(isSteady: isSteady, at: loop.now))
        let ended = schedulers.filter { !sight.running.contains($0.identity) }
        let sighting = SchedulerSighting(
            expected: layout.count, running: sight.running.count, ended: ended.map(name),
            endedAt: ended.isEmpty ? nil : firstEnd, still: still(of: sight))
        if sighting != told {
            told = sighting
            onSighting(sighting)
        }
    }

    private func still(of sight: Sight) -> [StillProcess] {
        stillness.saw(sight.looks, at: loop.now)
        var named = sight.record.schedulers.map { ($0.identity, "scheduler \(name(of: $0))") }
        named.insert((engine, "the main process"), at: 0)
        return named.compactMap { identity, name in
            stillness.isStopped(identity, at: loop.now).map {
                StillProcess(name: name, processID: identity.processID, isStopped: $0)
            }
        }
    }

    private func name(of scheduler: Scheduler) -> String {
        let ranks = scheduler.ranks.isEmpty ? "\(scheduler.identity.processID)" : scheduler.ranks
        return layout.die(ofRanks: scheduler.ranks).map { "\(ranks) (die \($0))" } ?? ranks
    }

    private func follow(_ identity: ProcessIdentity) {
        guard ends[identity] == nil else { return }
        let end = ProcessEnd(loop, of: identity) { [weak self] in self?.ended(identity) }
        isFollowedByKernel = isFollowedByKernel && end != nil
        ends[identity] = end
    }

    private func ended(_ identity: ProcessIdentity) {
        ends[identity]?.close()
        if firstEnd == nil { firstEnd = .now }
        timer?.arm(at: rhythm.ended(at: loop.now))
    }

    /// Looks no more.
    func close() {
        timer = nil
        for end in ends.values { end.close() }
        ends = [:]
    }
}

@available(*, unavailable) extension SchedulerWatch: Sendable {}

/// Tells when a process ends that is not a child of this one.
private final class ProcessEnd {
    private var descriptor: Int32
    private var watcher: PollWatcher?

    /// nil where the kernel cannot tell (before Linux 5.3), or the process has ended already.
    init?(_ loop: Loop, of identity: ProcessIdentity, onEnd: @escaping () -> Void) {
        descriptor = csystem_pidfd_open(identity.processID)
        guard descriptor >= 0 else { return nil }
        // Looked at after the descriptor was opened: what is seen now is what it means.
        guard identity.isAlive, let watcher = try? PollWatcher(loop, descriptor: descriptor),
            (try? watcher.start(.readable) { _ in onEnd() }) != nil
        else {
            Glibc.close(descriptor)
            return nil
        }
        self.watcher = watcher
    }

    deinit { close() }

    func close() {
        guard watcher != nil else { return }
        watcher = nil
        Glibc.close(descriptor)
        descriptor = -1
    }
}

@available(*, unavailable) extension ProcessEnd: Sendable {}
