// The program. Everything it does is in AgentCLI.

import AgentCLI
import Glibc

exit(runCommandLine(Array(CommandLine.arguments.dropFirst())).rawValue)
