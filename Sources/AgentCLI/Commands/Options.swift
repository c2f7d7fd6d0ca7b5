// The options that more than one command takes, described once.

extension OptionSpec {
    static let socket = OptionSpec(
        "socket", value: "PATH", completion: .file,
        "the agent's control socket ($\(socketVariable), or \(defaultControlSocket))")
    static let json = OptionSpec("json", "print the facts as JSON")
    static let config = OptionSpec(
        "config", value: "FILE", completion: .file,
        "the configuration (\(defaultConfiguration))")
    static let follow = OptionSpec("follow", short: "f", "go on with what is new, until Ctrl-C")
    static let lines = OptionSpec(
        "lines", short: "n", value: "N", "how many lines to begin with (50)")
    static let restarts = OptionSpec("restarts", "the restarts alone, and how long each part took")
    static let force = OptionSpec(
        "force", "also where no spare is left: groups that have no other place stop")
    static let noWait = OptionSpec("no-wait", "end once it is agreed, without looking on")
    static let yes = OptionSpec("yes", short: "y", "do it without being asked again")
    static let freezeTime = OptionSpec(
        "for", value: "SECONDS", "how long freeze-agent lasts (10, at most 60)")
    static let drillLimit = OptionSpec(
        "timeout", value: "SECONDS", "how long to look on (3600; of an agent, 120)")
    static let diff = OptionSpec(
        "diff", value: "FILE", completion: .file,
        "what this configuration file would change, byte by byte, and what would restart")
    static let atOnce = OptionSpec(
        "at-once", "all groups together, where old and new cannot serve side by side")
    static let confirmed = OptionSpec(
        "confirmed", "only if a majority confirms that nothing agreed on is missing")
    static let watch = OptionSpec("watch", "show it again every second, until Ctrl-C")
    static let names = OptionSpec("names", "print the names alone, one a line")
    static let profileFile = OptionSpec(
        "profile", value: "FILE", completion: .file,
        "a profile of your own instead of a published one")
    static let nodes = OptionSpec(
        "nodes", value: "A,B,…",
        "addresses, or NAME=ADDRESS: prefill nodes first, in the published order")
    static let node = OptionSpec("node", value: "NAME", "the script of this node alone")
    static let output = OptionSpec(
        "output", value: "DIR", completion: .directory,
        "write NODE.sh for each node, and router.sh, instead of printing")
    static let tableVersion = OptionSpec(
        "version", value: "1.0|1.2", "of the file: 1.2 for super pods, 1.0 for servers (1.2)")
    static let tableFile = OptionSpec(
        "output", value: "FILE", completion: .file, "write the file instead of printing it")
    static let strict = OptionSpec("strict", "take warnings for errors")
    static let interface = OptionSpec(
        "interface", value: "IF", "the network interface of HCCL and Gloo")
    static let model = OptionSpec(
        "model", value: "DIR", completion: .directory, "the directory of the weights")
    static let sglang = OptionSpec(
        "sglang", value: "VERSION", "the SGLang version installed (the profile's own)")
    static let root = OptionSpec(
        "root", value: "DIR", completion: .directory,
        "a directory that stands for the node's / (/)")
    static let local = OptionSpec(
        "local", "examine this host alone, without an agent; --root and --model do, too")
    static let preflight = OptionSpec(
        "preflight", "have the installed SGLang read every planned command; up to a minute")
    static let stress = OptionSpec(
        "stress", "measure processors and memory too, for about a second; engines feel it")
    static let once = OptionSpec(
        "once", "end after the first answer; the exit code tells if it was right")
    static let directory = OptionSpec(
        "dir", value: "DIR", completion: .directory,
        "where the nodes live; kept afterwards (a temporary directory, removed)")
    static let nodeCount = OptionSpec(
        "count", value: "N", "how many nodes; more than the profile needs leaves spares")
    static let dryRun = OptionSpec("dry-run", "print the command and why it differs; run nothing")
    static let requests = OptionSpec(
        "requests", value: "N", "how many requests (as published; 16 at most in a rehearsal)")
    static let scale = OptionSpec(
        "scale", value: "N",
        "divide the lengths of prompts and answers by this (1; \(rehearsalScale) in a rehearsal)")
    static let dataset = OptionSpec(
        "dataset", value: "FILE", completion: .file,
        "a copy of the ShareGPT file that the data set random is made from")
    static let timeLimit = OptionSpec(
        "timeout", value: "SECONDS", "how long all of it may take until the first answer (120)")
}

/// The environment variable that names the control socket where the command line does not.
let socketVariable = "GLM_AGENT_SOCKET"
/// Where the agent of a node listens unless told otherwise.
let defaultControlSocket = "/run/glm-agent/agent.sock"
/// Where the agent of a node reads its configuration unless told otherwise.
let defaultConfiguration = "/etc/glm-agent/agent.yaml"
