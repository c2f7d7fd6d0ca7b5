// What this node is, told to everybody: the inventory is made at the start and every hour, and its dies are
// looked at every minute; what changes is gossiped. And what operators should know of the node though it
// keeps nothing from serving is noted, and stands in the status of every agent.

import Ascend
import Base
import ClusterState
import EventLoop
import Host
import Node
import Planning

/// What a note is about. Each subject has its say once; in this order they are told.
enum NoteSubject: Int, CaseIterable {
    case environment, tuning, disk, processes, logs
}

extension Agent {
    private static let lookInterval = Duration.seconds(60)
    /// Everything is asked again after so many looks.
    private static let looksInBetween = 60

    /// Looks at this node at once, and from now on.
    func watchInventory() {
        takeDigest()
        var looks = 0
        inventoryTimer = loop.every(Self.lookInterval) { [weak self] in
            guard let self else { return }
            looks += 1
            if looks % Self.looksInBetween == 0 { return self.takeDigest() }
            // A change of the dies is told to all at once, and the whole to the leader once it is known.
            self.examiner.updateDigest { [weak self] digest, isNew in
                guard isNew, let self else { return }
                self.give(.inventoried(digest))
                self.takeDigest()
            }
        }
    }

    private func takeDigest() {
        examiner.takeDigest(weights: configuration.modelPath) { [weak self] inventory in
            self?.give(.inventoried(inventory.digest, document: inventory.json.compact))
        }
    }

    /// Takes the place of what was noted of that subject. It is logged, where nobody else does.
    func note(_ subject: NoteSubject, _ texts: [String], logs: Bool = true) {
        guard notes[subject, default: []] != texts else { return }
        notes[subject] = texts
        if logs { for text in texts { log(.warning, text) } }
        give(.noted(NoteSubject.allCases.flatMap { notes[$0] ?? [] }))
    }

    // MARK: - The environment of engines

    /// The scripts that the deployment in force sources; none where engines inherit.
    private var sources: [String] {
        guard configuration.ascendEnvironment == .source, engine != .rehearsal else { return [] }
        return shardsOfPlan().map(\.spec.source).first { !$0.isEmpty } ?? []
    }

    /// The engine that is agreed on.
    var engine: EngineKind { state.deployment?.engine ?? configuration.engine }

    /// Sources the scripts where they were not yet, or have changed since. Before a launch, not in it:
    /// what was launched can be stopped at once.
    func prepareEnvironment(completion: @escaping () -> Void) {
        let sources = self.sources
        guard !sources.isEmpty else {
            note(.environment, [])
            return completion()
        }
        examiner.engines.make(from: sources) { [weak self] made in
            self?.note(.environment, Self.notes(on: made))
            completion()
        }
    }

    private static func notes(on made: Fact<EngineEnvironment>) -> [String] {
        switch made {
        case .known(let environment):
            return environment.missing.map { "\($0) is not there; engines start without it" }
        case .unknown(let gap) where gap.kind == .notInstalled:
            return ["\(gap); engines inherit the environment of the agent"]
        case .unknown(let gap):
            return ["\(gap); each engine sources by itself, on top of the agent's environment"]
        }
    }

    /// The whole environment that a launch starts from; nil where it inherits and sources by itself.
    func base(for spec: LaunchSpec) -> [EnvironmentVariable]? {
        guard configuration.ascendEnvironment == .source, engine != .rehearsal,
            !spec.source.isEmpty
        else { return nil }
        switch examiner.engines.current {
        case .known(let made) where made.sources == spec.source:
            return made.variables.map { EnvironmentVariable($0.name, $0.value) }
        case .unknown(let gap) where gap.kind == .notInstalled:
            // There is nothing to source, and an engine that tried would fail for that alone.
            return environment.sorted { $0.key < $1.key }
                .map { EnvironmentVariable($0.key, $0.value) }
        case .known, .unknown, nil: return nil
        }
    }
}
