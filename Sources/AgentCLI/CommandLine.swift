// The way in: from the arguments of the process to the exit code of the command.

/// Runs the command that the arguments name.
/// - Parameter arguments: what follows the program's name.
/// - Returns: the exit code of the process.
public func runCommandLine(_ arguments: [String]) -> ExitCode {
    runCommandLine(arguments, on: .standard())
}

func runCommandLine(_ arguments: [String], on console: Console) -> ExitCode {
    let parser = ArgumentParser.glmAgent
    let words = asCommands(arguments)
    do throws(UsageError) {
        let parsed = try parser.parse(words)
        if parsed.asksForHelp {
            console.outRaw(parser.help(of: parsed.command))
            return .success
        }
        guard let command = commandTable().first(where: { $0.spec.name == parsed.command.name })
        else { fatalError("the parser knows \(parsed.command.name), the table does not") }
        return command.run(Invocation(arguments: parsed, console: console))
    } catch {
        let help = error.command.map { "glm-agent \($0) --help" } ?? "glm-agent help"
        console.complain("\(error.message)\n  `\(help)` tells what there is.")
        return .usage
    }
}

/// `--version`, `--help` and `-h` first are what people type at any program.
private func asCommands(_ arguments: [String]) -> [String] {
    switch arguments.first {
    case "--version": ["version"] + arguments.dropFirst()
    case "--help", "-h": ["help"] + arguments.dropFirst()
    default: arguments
    }
}
