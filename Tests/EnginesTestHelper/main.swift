// The shim as a program of its own, as `glm-agent shim` and `glm-agent shim-exec` are.

import CSystem
import Engines
import Glibc

let arguments = Array(CommandLine.arguments.dropFirst())
switch arguments.first {
case "shim": exit(ShimProgram.run(arguments: Array(arguments.dropFirst())))
case "shim-exec": exit(ExecStage.run(arguments: Array(arguments.dropFirst())))
case "schedulers":
    // A main process and its schedulers, one for each title; what follows them is an engine's own.
    for title in arguments.dropFirst().prefix(while: { !$0.hasPrefix("-") }) {
        guard csystem_titled_child("sglang::scheduler_\(title)") > 0 else { exit(71) }
    }
    while true { pause() }
case "rehearsal-engine":
    // Stands in for the built-in engine: shows what it was given.
    print(arguments.joined(separator: " "))
default: exit(64)
}
