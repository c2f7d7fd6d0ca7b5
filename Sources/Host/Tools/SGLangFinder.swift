// Which SGLang a node has: asked of the very Python that engines are started with, in the
// environment that the vendor's files set, since that decides where Python looks.

import Ascend
public import EventLoop

/// Asks for the installed version of SGLang.
public final class SGLangFinder {
    private let runner: CommandRunner

    /// - Parameters:
    ///   - loop: where the child is watched.
    ///   - environment: the whole environment that is started from.
    public init(_ loop: Loop, environment: [String: String]) {
        runner = CommandRunner(loop, root: HostRoot(), environment: environment)
    }

    /// Why the version is not known.
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
        let command = SourcedCommand([python, "-c", Self.question], source: source)
        runner.run(command.executable, command.arguments, within: limit) { [self] result in
            // Whoever asks may let go of this at once; the runner is needed until here.
            _ = runner
            completion(Self.version(result))
        }
    }

    private static let question =
        "import importlib.metadata as m; print(m.version(\"sglang\"))"

    private static func version(_ result: Result<CommandResult, Gap>) -> Result<String, Failure> {
        switch result {
        case .failure(let gap): return .failure(Failure(description: "\(gap)"))
        case .success(let result):
            let lines = result.text.split(separator: "\n")
            guard result.exit == .exited(code: 0), let line = lines.first else {
                let last = lines.last.map { ": \($0)" } ?? ""
                return .failure(Failure(description: "python \(result.exit)\(last)"))
            }
            return .success(String(line))
        }
    }
}

@available(*, unavailable) extension SGLangFinder: Sendable {}
