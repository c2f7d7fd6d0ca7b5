// Does the installed SGLang understand a command? Its own parser is asked, by the Python and in the environment
// that the engine is started with. It takes as long as the import of SGLang does, and nothing is started.

public import Ascend
public import EventLoop

/// Asks a Python to read commands.
public final class SGLangPreflight {
    private let runner: CommandRunner

    /// - Parameters:
    ///   - loop: where the child is watched.
    ///   - environment: the whole environment that the engine would have.
    public init(_ loop: Loop, environment: [String: String]) {
        runner = CommandRunner(loop, root: HostRoot(), environment: environment)
    }

    /// Asks once.
    /// - Parameters:
    ///   - argv: of the engine: `python3 -m sglang.launch_server …`.
    ///   - source: shell files that are sourced first.
    ///   - limit: how long all of it may take.
    ///   - completion: told once, after this call has returned: what SGLang has against the command, or nil
    ///     where it understands it.
    public func read(
        _ argv: [String], source: [String], within limit: Duration,
        completion: @escaping (Fact<String?>) -> Void
    ) {
        guard let python = argv.first, Array(argv.dropFirst().prefix(2)) == Self.module else {
            let gap = Gap(.notAsked, "the command", "it is none of sglang.launch_server")
            return runner.loop.soon { completion(.unknown(gap)) }
        }
        let command = SourcedCommand(
            [python, "-c", Self.program] + argv.dropFirst(3), source: source)
        runner.run(command.executable, command.arguments, within: limit) { [self] result in
            // Whoever asks may let go of this at once; the runner is needed until here.
            _ = runner
            completion(Self.fact(result, python))
        }
    }

    private static let module = ["-m", "sglang.launch_server"]
    private static let mark = "glm-preflight "

    /// What SGLang and its libraries print at their import is no answer.
    private static let program = """
        import argparse, contextlib, io, logging, sys
        def answer(text):
            print("\\n\(mark)" + " ".join(text.split()))
            sys.stdout.flush()
            sys.exit(0)
        logging.disable(logging.CRITICAL)
        try:
            from sglang.srt.server_args import ServerArgs
        except Exception as error:
            answer(f"SGLang cannot be imported: {type(error).__name__}: {error}")
        parser = argparse.ArgumentParser(prog="sglang.launch_server")
        ServerArgs.add_cli_args(parser)
        said = io.StringIO()
        try:
            with contextlib.redirect_stderr(said):
                parser.parse_args(sys.argv[1:])
        except SystemExit as end:
            if end.code:
                answer((said.getvalue().strip().splitlines() or [f"exit code {end.code}"])[-1])
        answer("")
        """

    private static func fact(
        _ result: Result<CommandResult, Gap>, _ python: String
    ) -> Fact<String?> {
        switch result {
        case .failure(let gap):
            // The command line is as long as the program.
            return .unknown(Gap(gap.kind, "\(python), asked to read the command", gap.detail))
        case .success(let result):
            let lines = result.text.split(separator: "\n")
            if let line = lines.last(where: { $0.hasPrefix(mark) }) {
                let text = line.dropFirst(mark.count)
                return .known(text.isEmpty ? nil : String(text))
            }
            let last = lines.last.map { ": \($0)" } ?? ""
            return .known("\(python) \(result.exit)\(last)")
        }
    }
}

@available(*, unavailable) extension SGLangPreflight: Sendable {}
