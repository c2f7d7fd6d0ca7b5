// Sources the vendor's scripts once, in a clean shell, and keeps what came of it until one of the files
// changes. The clean shell has only what belongs to the user and the host: a search path and a home, no
// variable of whoever started the agent. Where CANN lies in the other of its two layouts than a script is
// named for, the one that is there is taken.

public import Ascend
import Base
import EventLoop
import Glibc

/// The environment that engines of this node are started from.
public struct EngineEnvironment: Hashable, Sendable {
    /// What was asked to be sourced; what of it is on the node stands in the snapshot.
    public let sources: [String]
    /// Scripts of the vendor that are not on the node, neither there nor where the other layout has them.
    public let missing: [String]
    /// The whole environment, by name.
    public let variables: [Variable]
    public let snapshot: EnvironmentSnapshot

    /// As programs are started with.
    public var byName: [String: String] {
        Dictionary(variables.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
    }
}

/// Makes the environment of engines. There is one for each agent.
public final class AscendEnvironment {
    private let runner: CommandRunner
    private let limit: Duration
    private var known: (identity: [String], answer: Fact<EngineEnvironment>)?
    private var waiting: [(sources: [String], told: (Fact<EngineEnvironment>) -> Void)] = []

    /// Where the scripts lie where nobody names them: CANN's, then NNAL's, which needs it.
    public static let standardScripts = [
        "/usr/local/Ascend/cann/set_env.sh", "/usr/local/Ascend/nnal/atb/set_env.sh",
    ]

    /// A node may be without these; what else a profile names must be there.
    private static let ofVendor = Set(VendorScripts.cann + standardScripts)

    /// What the clean shell takes from the agent: who and where it is.
    private static let handedOn: Set<String> = [
        "HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER",
    ]

    /// - Parameters:
    ///   - runner: starts the shell; its environment is the agent's.
    ///   - limit: NNAL's script asks Python which libraries torch was built for.
    init(_ runner: CommandRunner, limit: Duration = .seconds(60)) {
        self.runner = runner
        self.limit = limit
    }

    /// What was made last; nil before anything was.
    public var current: Fact<EngineEnvironment>? { known?.answer }

    /// Makes the environment, or gives the one made before where no file has changed since.
    /// - Parameters:
    ///   - sources: scripts, as paths of the node, in their order.
    ///   - completion: told once, after this call has returned. Where none of the vendor's scripts is there,
    ///     it is `notInstalled`; where none was named, `notAsked`; where another is missing, `refused`.
    public func make(
        from sources: [String], completion: @escaping (Fact<EngineEnvironment>) -> Void
    ) {
        waiting.append((sources, completion))
        if waiting.count == 1 { runner.loop.soon { [weak self] in self?.next() } }
    }

    private func next() {
        guard let asked = waiting.first else { return }
        let (scripts, missing) = resolve(asked.sources)
        let identity = asked.sources + scripts.map(identity)
        if let known, known.identity == identity { return answer(known.answer) }
        if let own = missing.first(where: { !Self.ofVendor.contains($0) }) {
            return answer(.unknown(Gap(.refused, own, "is not there")))
        }
        guard !scripts.isEmpty else {
            let gap =
                asked.sources.isEmpty
                ? Gap(.notAsked, "set_env.sh", "nothing is sourced here")
                : Gap(.notInstalled, asked.sources.joined(separator: ", "), "")
            known = (identity, .unknown(gap))
            return answer(.unknown(gap))
        }
        let clean = runner.environmentOfAgent.filter { Self.handedOn.contains($0.key) }
        runner.run(
            "/bin/bash", ["-c", Self.script] + ["bash"] + scripts.map { runner.root.path($0) },
            within: limit, environment: clean
        ) { [weak self] result in
            let fact = Self.read(
                result, sources: asked.sources, scripts: scripts, missing: missing, clean: clean)
            // A shell that hung may do better the next time.
            self?.known = fact.value == nil ? nil : (identity, fact)
            self?.answer(fact)
        }
    }

    private func answer(_ fact: Fact<EngineEnvironment>) {
        waiting.removeFirst().told(fact)
        if !waiting.isEmpty { runner.loop.soon { [weak self] in self?.next() } }
    }

    /// NNAL's script takes arguments, so it is given none; what scripts print is no answer.
    private static let script = """
        files=("$@")
        set --
        for file in "${files[@]}"; do source "$file" >/dev/null 2>&1; done
        unset files file
        exec /usr/bin/env -0
        """

    private static func read(
        _ result: Result<CommandResult, Gap>, sources: [String], scripts: [String],
        missing: [String], clean: [String: String]
    ) -> Fact<EngineEnvironment> {
        let subject = "source " + scripts.joined(separator: " ")
        switch result {
        case .failure(let gap): return .unknown(Gap(gap.kind, subject, gap.detail))
        case .success(let result):
            guard result.exit == .exited(code: 0) else {
                return .unknown(Gap(.refused, subject, "the shell \(result.exit)"))
            }
            let after = EnvironmentSnapshot.variables(result.text)
            let before = clean.sorted { $0.key < $1.key }.map { Variable($0.key, $0.value) }
            return .known(
                EngineEnvironment(
                    sources: sources, missing: missing,
                    variables: after.filter { !EnvironmentSnapshot.ofEveryShell.contains($0.name) }
                        .sorted { $0.name < $1.name },
                    snapshot: EnvironmentSnapshot(scripts: scripts, from: before, to: after)))
        }
    }

    // MARK: - Files

    /// Where that script lies, CANN's in whichever layout; nil where it is not there.
    public static func place(of source: String, on root: HostRoot) -> String? {
        VendorScripts.places(of: source).first { root.exists($0) }
    }

    /// The scripts that are there, each once, and those that are not.
    private func resolve(_ sources: [String]) -> (scripts: [String], missing: [String]) {
        var scripts: [String] = []
        var missing: [String] = []
        for source in sources {
            guard let place = Self.place(of: source, on: runner.root) else {
                missing.append(source)
                continue
            }
            if !scripts.contains(place) { scripts.append(place) }
        }
        return (scripts, missing)
    }

    /// What changes when the file does, be it replaced, written to, or a link that points elsewhere.
    private func identity(of script: String) -> String {
        var status = stat()
        guard stat(runner.root.path(script), &status) == 0 else { return "\(script) is gone" }
        let time = status.st_mtim
        return "\(script) \(status.st_dev) \(status.st_ino) \(status.st_size) "
            + "\(time.tv_sec).\(time.tv_nsec)"
    }
}

@available(*, unavailable) extension AscendEnvironment: Sendable {}
