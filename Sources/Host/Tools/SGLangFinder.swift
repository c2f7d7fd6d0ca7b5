// Which SGLang a node has, and whether it has the router, a package of its own: asked of the very Python
// that they are started with, in the environment that the vendor's files set, since that decides where
// Python looks.

import Ascend
public import EventLoop

/// Asks a Python what of SGLang is installed.
public final class SGLangFinder {
    private let runner: CommandRunner

    /// - Parameters:
    ///   - loop: where the child is watched.
    ///   - environment: the whole environment that is started from.
    public init(_ loop: Loop, environment: [String: String]) {
        runner = CommandRunner(loop, root: HostRoot(), environment: environment)
    }

    /// Why there is no answer.
    public struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// Asks once.
    /// - Parameters:
    ///   - python: the interpreter, a path or a name on the `PATH` of the sourced environment.
    ///   - source: shell files that are sourced first; what they print or answer does not matter.
    ///   - limit: how long all of it may take.
    ///   - completion: told once, after this call has returned: the version as it is written.
    public func find(
        python: String, source: [String], within limit: Duration,
        completion: @escaping (Result<String, Failure>) -> Void
    ) {
        ask(python, Self.question, source, limit) { completion(Self.version($0)) }
    }

    /// Asks once whether `sglang_router` can be imported; the parameters are those of ``find``. One that
    /// is there and broken counts as there: its own words tell best what it lacks.
    public func findRouter(
        python: String, source: [String], within limit: Duration,
        completion: @escaping (Result<Bool, Failure>) -> Void
    ) {
        ask(python, Self.routerQuestion, source, limit) { completion(Self.hasRouter($0)) }
    }

    private func ask(
        _ python: String, _ question: String, _ source: [String], _ limit: Duration,
        completion: @escaping (Result<CommandResult, Gap>) -> Void
    ) {
        let command = SourcedCommand([python, "-c", question], source: source)
        runner.run(command.executable, command.arguments, within: limit) { [self] result in
            // Whoever asks may let go of this at once; the runner is needed until here.
            _ = runner
            completion(result)
        }
    }

    private static let question =
        "import importlib.metadata as m; print(m.version(\"sglang\"))"

    /// Nothing else of Python ends with that.
    private static let missingCode: Int32 = 3

    /// A directory of that name, which Python takes for a package too, has no origin.
    private static let routerQuestion = """
        import importlib.util, sys
        found = importlib.util.find_spec("sglang_router")
        sys.exit(0 if found and found.origin else \(missingCode))
        """

    private static func version(_ result: Result<CommandResult, Gap>) -> Result<String, Failure> {
        switch result {
        case .failure(let gap): return .failure(Failure(description: "\(gap)"))
        case .success(let result):
            guard result.exit == .exited(code: 0),
                let line = result.text.split(separator: "\n").first
            else { return .failure(Failure(result)) }
            return .success(String(line))
        }
    }

    private static func hasRouter(_ result: Result<CommandResult, Gap>) -> Result<Bool, Failure> {
        switch result {
        case .failure(let gap): return .failure(Failure(description: "\(gap)"))
        case .success(let result):
            switch result.exit {
            case .exited(code: 0): return .success(true)
            case .exited(code: missingCode): return .success(false)
            default: return .failure(Failure(result))
            }
        }
    }
}

extension SGLangFinder.Failure {
    /// The last line of a Python that failed names the error.
    fileprivate init(_ result: CommandResult) {
        let last = result.text.split(separator: "\n").last.map { ": \($0)" } ?? ""
        self.init(description: "python \(result.exit)\(last)")
    }
}

@available(*, unavailable) extension SGLangFinder: Sendable {}
