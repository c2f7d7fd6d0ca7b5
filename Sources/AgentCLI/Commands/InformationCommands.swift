// The commands that ask nobody but this program.

import Base
import YAML

/// The version of this program, as `status` and `version` tell it.
public let programVersion = "0.1.0"

func showVersion(_ invocation: Invocation) -> ExitCode {
    invocation.show(["program": "glm-agent", "version": .string(programVersion)]) {
        "glm-agent \(programVersion)\n"
    }
    return .success
}

func showHelp(_ invocation: Invocation) -> ExitCode {
    let parser = ArgumentParser.glmAgent
    let words = invocation.arguments.positionals
    guard !words.isEmpty else {
        invocation.console.outRaw(parser.overview)
        return .success
    }
    let name = words.joined(separator: " ")
    guard let spec = parser.command(named: name) else {
        let known = parser.commands.filter { !$0.isHidden }.map(\.name)
        return invocation.misused(
            "there is no command \"\(name)\"" + suggestion(for: name, in: known))
    }
    invocation.console.outRaw(parser.help(of: spec))
    return .success
}

func printCompletions(_ invocation: Invocation) -> ExitCode {
    let name = invocation.arguments.positional(0) ?? ""
    guard let shell = Shell(rawValue: name) else {
        let known = Shell.allCases.map(\.rawValue)
        return invocation.misused(
            "no completions for \"\(name)\"" + suggestion(for: name, in: known))
    }
    invocation.console.outRaw(ArgumentParser.glmAgent.completions(for: shell))
    return .success
}

func printManual(_ invocation: Invocation) -> ExitCode {
    invocation.console.outRaw(ArgumentParser.glmAgent.manualPage(version: programVersion))
    return .success
}
