// The shim as a program of its own, as `glm-agent shim` and `glm-agent shim-exec` are.

import Engines
import Glibc

let arguments = Array(CommandLine.arguments.dropFirst())
switch arguments.first {
case "shim": exit(ShimProgram.run(arguments: Array(arguments.dropFirst())))
case "shim-exec": exit(ExecStage.run(arguments: Array(arguments.dropFirst())))
case "rehearsal-engine":
    // Stands in for the built-in engine: shows what it was given.
    print(arguments.joined(separator: " "))
default: exit(64)
}
