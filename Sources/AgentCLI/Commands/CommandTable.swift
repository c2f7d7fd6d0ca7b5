// Every command of the program, in the order of the help.

/// A command and what it does.
struct Command {
    let spec: CommandSpec
    let run: (Invocation) -> ExitCode
}

/// One call of a command.
struct Invocation {
    let arguments: ParsedArguments
    let console: Console
}

extension ArgumentParser {
    /// The command line of glm-agent.
    static let glmAgent = ArgumentParser(
        commands: commandTable().map(\.spec), defaultCommand: "run")
}

func commandTable() -> [Command] {
    [
        Command(spec: .run, run: runAgent),
        Command(spec: .check, run: checkConfiguration),
        Command(spec: .status, run: showStatus),
        Command(spec: .members, run: showMembers),
        Command(spec: .membersAdd, run: orderMembers),
        Command(spec: .membersRemove, run: orderMembers),
        Command(spec: .membersPromote, run: orderMembers),
        Command(spec: .membersDemote, run: orderMembers),
        Command(spec: .membersLead, run: orderMembers),
        Command(spec: .recover, run: recover),
        Command(spec: .plan, run: showPlan),
        Command(spec: .why, run: showWhy),
        Command(spec: .profiles, run: listProfiles),
        Command(spec: .profilesList, run: listProfiles),
        Command(spec: .profilesShow, run: showProfile),
        Command(spec: .profilesValidate, run: validateProfile),
        Command(spec: .render, run: renderProfile),
        Command(spec: .rehearse, run: rehearse),
        Command(spec: .bench, run: benchmark),
        Command(spec: .logs, run: showLogs),
        Command(spec: .events, run: showEvents),
        Command(spec: .restart, run: restartGroup),
        Command(spec: .stop, run: stopGroups),
        Command(spec: .start, run: startGroups),
        Command(spec: .apply, run: applyDeployment),
        Command(spec: .drill, run: drill),
        Command(spec: .drain, run: drainNode),
        Command(spec: .cordon, run: cordonNode),
        Command(spec: .uncordon, run: uncordonNode),
        Command(spec: .simulate, run: simulate),
        Command(spec: .doctor, run: examine),
        Command(spec: .inventory, run: showInventory),
        Command(spec: .rankTable, run: showRankTable),
        Command(spec: .untune, run: untune),
        Command(spec: .version, run: showVersion),
        Command(spec: .help, run: showHelp),
        Command(spec: .completions, run: printCompletions),
        Command(spec: .manual, run: printManual),
        Command(spec: .shim, run: runShim),
        Command(spec: .shimStage, run: runShimStage),
        Command(spec: .rehearsalEngine, run: runRehearsalEngine),
    ]
}

// MARK: - The agent and what it knows

extension CommandSpec {
    static let run = CommandSpec(
        name: "run", summary: "run the agent of this node",
        discussion: """
            The configuration file may be the same on every node: the agent finds its own entry by
            its addresses. It stays in the foreground; systemd restarts it, and the engines live on
            meanwhile.
            """,
        options: [.config],
        exitCodes: [.success, .failure, .usage, .stateDirectory, .twin],
        examples: [
            Example("glm-agent", "with \(defaultConfiguration)"),
            Example("glm-agent run --config ./agent.yaml", "with a file elsewhere"),
        ])

    static let check = CommandSpec(
        name: "check", summary: "what is wrong with the configuration, before the agent runs",
        discussion: """
            Reads the file as `run` does and looks at this host: its addresses, the interface, the
            engine's command, the secret, the weights, the ports. Nothing is started or changed.
            """,
        options: [.config, .json],
        exitCodes: [.success, .usage],
        examples: [
            Example("glm-agent check", "every mistake, with its line"),
            Example("glm-agent check --config ./agent.yaml --json", "for a script"),
        ])

    static let status = CommandSpec(
        name: "status", summary: "what the cluster does, from any of its agents",
        discussion: """
            Answers also without a quorum; the age then tells how old the rest is. The JSON form is
            specified in Protocols/status.schema.json. An agent that is cut off may not know of the latest
            orders and launches; with --confirmed it asks the leader, and the leader a majority, first.
            """,
        options: [.socket, .json, .watch, .confirmed],
        exitCodes: [.success, .failure, .usage, .notReady, .noAgent],
        examples: [
            Example("glm-agent status", "members, groups, ranks and router"),
            Example("until glm-agent status; do sleep 5; done", "wait until everything is ready"),
        ])

    static let members = CommandSpec(
        name: "members", summary: "the nodes of the cluster: roles, agents, and files that differ",
        discussion: """
            ROLE is leader, voter, learner (it has the log and no vote), joining (added, and not reached yet)
            or leaving (removed, and not gone yet).
            """,
        options: [.socket, .json, .confirmed],
        exitCodes: [.success, .failure, .usage, .noAgent],
        examples: [Example("glm-agent members --json", "for a script")])

    static let plan = CommandSpec(
        name: "plan", summary: "which node holds which rank, and why; what a changed file would do",
        discussion: """
            With --diff, nothing is done: for every group it is told whether it would go on, restart, start
            or end, and for every rank which lines of the environment and which words of the command
            differ, as they would be launched. What depends on the node, such as the interface, is shown
            as on the node that answers.
            """,
        options: [.socket, .json, .diff, .confirmed],
        exitCodes: [.success, .failure, .usage, .noAgent],
        examples: [
            Example("glm-agent plan", "every address and port of the committed plan"),
            Example("glm-agent plan --diff new.yaml", "before glm-agent apply new.yaml"),
        ])

    static let why = CommandSpec(
        name: "why", summary: "why a group is as it is: which rank failed first, and what to do",
        discussion: """
            Tells what the group waits for, if it does, and why its last generation ended: which rank, node
            and die failed first by what the logs of all ranks say and when, the line, what it usually
            means, and the remedy; then what every other rank said, with consequences marked as such. The
            JSON form is specified in Protocols/control.md.
            """,
        options: [.socket, .json],
        positionals: [PositionalSpec("GROUP", "the group, as status names it; or router")],
        exitCodes: [.success, .failure, .usage, .noAgent],
        examples: [Example("glm-agent why prefill-0", "after prefill-0 has restarted")])

    static let logs = CommandSpec(
        name: "logs", summary: "the log of a shard, from whichever node runs it",
        discussion: "With --json, each line is an object with the members shard and line.",
        options: [.socket, .json, .follow, .lines],
        positionals: [
            PositionalSpec(
                "SHARD", "group and rank, as in prefill-0/0; or a whole name, prefill-0.g3.r0")
        ],
        exitCodes: [.success, .failure, .usage, .noAgent],
        examples: [Example("glm-agent logs decode-0/1 -f", "follow rank 1 of decode-0")])

    static let events = CommandSpec(
        name: "events", summary: "what happened, oldest first; what restarts have cost",
        discussion: """
            With --restarts: one line a restart, with its cause, who asked for it, and how long it took from
            what happened to its detection, until all ranks had ended, until the next launch, and until
            that served; then the mean time to repair of each group. The last 200 are remembered.
            """,
        options: [.socket, .json, .follow, .restarts],
        exitCodes: [.success, .failure, .usage, .noAgent],
        examples: [
            Example("glm-agent events -f", "watch the cluster decide"),
            Example("glm-agent events --restarts", "how long every restart took, and why it was"),
        ])

    static let restart = CommandSpec(
        name: "restart", summary: "end a group's generation and launch the next",
        discussion:
            "The restart budget of the group begins anew, so this also revives a failed group.",
        options: [.socket, .json],
        positionals: [PositionalSpec("GROUP", "the group, as status names it")],
        exitCodes: [.success, .failure, .usage, .noAgent],
        examples: [
            Example("glm-agent restart prefill-1", "all ranks of prefill-1, and no other group")
        ])

    static let stop = CommandSpec(
        name: "stop", summary: "stop a group, or the deployment; agents stay",
        options: [.socket, .json],
        positionals: [PositionalSpec("GROUP", optional: true, "the group; all of them without it")],
        exitCodes: [.success, .failure, .usage, .noAgent],
        examples: [Example("glm-agent stop", "stop every engine and the router")])

    static let start = CommandSpec(
        name: "start", summary: "start a group that was stopped, or the deployment",
        options: [.socket, .json],
        positionals: [PositionalSpec("GROUP", optional: true, "the group; all of them without it")],
        exitCodes: [.success, .failure, .usage, .noAgent],
        examples: [Example("glm-agent start decode-0", "let decode-0 run again")])

    static let apply = CommandSpec(
        name: "apply", summary: "run what this node's file says, without waiting for the others",
        discussion: """
            A changed file takes effect by itself once every agent was restarted with it. Where a node
            is gone for good, or its agent cannot be restarted now, this puts the file of the
            answering node into effect without waiting. With FILE, a configuration as on the nodes, its
            deployment is put into effect though no node has it in its own file yet, and what comes of it
            is shown until every group has it; Ctrl-C ends the looking, not the change. The groups
            whose launch changes restart one after the other, each once the one before serves; where
            one does not come up, the others serve on as before, and the exit code is 1. A group whose
            launch stays the same, byte by byte, is left alone. `glm-agent plan --diff FILE` shows all
            of that before; `status` keeps telling whose file differs.
            """,
        options: [.socket, .json, .atOnce, .noWait],
        positionals: [
            PositionalSpec("FILE", optional: true, completion: .file, "a configuration file")
        ],
        exitCodes: [.success, .failure, .usage, .noAgent],
        examples: [
            Example("glm-agent apply", "a smaller profile, while a node is down"),
            Example("glm-agent apply new.yaml", "roll a change out, group by group"),
        ])
}

// MARK: - Without an agent

extension CommandSpec {
    static let profiles = CommandSpec(
        name: "profiles", summary: "the published deployments", options: [.json, .names],
        exitCodes: [.success, .usage],
        examples: [Example("glm-agent profiles", "the published table: cards, mode, dataset, TPOT")]
    )

    static let profilesList = CommandSpec(
        name: "profiles list", summary: "the published table: cards, nodes, mode, dataset, TPOT",
        options: [.json, .names],
        exitCodes: [.success, .usage],
        examples: [Example("glm-agent profiles list --names", "the names alone, for a script")])

    static let profilesShow = CommandSpec(
        name: "profiles show", summary: "a profile in the format of an own one", options: [.json],
        positionals: [PositionalSpec("NAME", completion: .profile, "a published name")],
        exitCodes: [.success, .usage],
        examples: [
            Example(
                "glm-agent profiles show glm-5.1-w4a8-1p1d-32p-in16k-out1k-50ms > mine.yaml",
                "begin a profile of your own")
        ])

    static let profilesValidate = CommandSpec(
        name: "profiles validate", summary: "check a profile of your own",
        discussion: """
            Names of flags, of environment variables, of the CPU governor and of the hardware that
            are nearly known ones are warned of: they are legal, and often misspelt.
            """,
        options: [.strict, .json],
        positionals: [PositionalSpec("FILE", completion: .file, "the profile")],
        exitCodes: [.success, .usage],
        examples: [
            Example("glm-agent profiles validate mine.yaml", "every mistake, with its line"),
            Example("glm-agent profiles validate --strict mine.yaml", "a check for a script"),
        ])

    static let render = CommandSpec(
        name: "render", summary: "what would run where, without any agent",
        discussion: """
            Without --json: one bash script per node that runs with no agent at all, and the
            deviations from the publication with their reasons. A node's script starts the router
            too where the router is on that node; `bash NODE.sh router` and router.sh start it alone.
            """,
        options: [
            .profileFile, .nodes, .interface, .model, .sglang, .node, .output, .json,
        ],
        positionals: [
            PositionalSpec("PROFILE", optional: true, completion: .profile, "a published name")
        ],
        examples: [
            Example(
                "glm-agent render glm-5.1-w4a8-1p1d-32p-in16k-out1k-50ms "
                    + "--nodes 10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4 --interface eth0 --model /data/glm-5.1",
                "the four scripts of a 1P1D deployment"),
            Example(
                "glm-agent render --profile mine.yaml --nodes a=10.0.0.1,b=10.0.0.2 "
                    + "--interface eth0 --model /data/glm-5.1 --output scripts",
                "scripts/a.sh and scripts/b.sh, to copy to the nodes"),
        ])

    static let rehearse = CommandSpec(
        name: "rehearse", summary: "the whole cluster on this machine, with the built-in engine",
        discussion: """
            Real agents at 127.x addresses of their own find each other, elect a leader, plan, launch
            and serve; a completion through the router must be the known answer. Each node lives in
            DIR/NODE, so that `glm-agent status --socket DIR/NODE/agent.sock` asks it. Everything
            that was started is gone afterwards.
            """,
        options: [.profileFile, .once, .directory, .nodeCount, .timeLimit, .json],
        positionals: [
            PositionalSpec(
                "PROFILE", optional: true, completion: .profile,
                "a published name (\(rehearsedByDefault))")
        ],
        examples: [
            Example("glm-agent rehearse", "stay with a live view until Ctrl-C"),
            Example("glm-agent rehearse \(rehearsedByDefault) --once", "a check for a script"),
        ])

    static let doctor = CommandSpec(
        name: "doctor", summary: "what would stop a launch, on every node, and what to do about it",
        discussion: """
            Seventeen checks on every node and between them, from any node: who holds the dies, addresses,
            ports that are really dialled, the fabric, TLS switches, versions, health, environment, store,
            limits, weights, settings, clocks, names; with --preflight whether the installed SGLang
            understands the planned commands, with --stress speed, too. Nothing is changed, reset or
            ended. What cannot be found out is told as unknown. Exit code 3: an error was found; with --strict also a warning, or
            something not known.
            """,
        options: [.socket, .local, .root, .model, .preflight, .stress, .strict, .json],
        exitCodes: [.success, .failure, .usage, .notReady, .noAgent],
        examples: [
            Example("glm-agent doctor", "the whole cluster, before a launch or after a failure"),
            Example("glm-agent doctor --stress", "and whether a node is slower than the others"),
            Example(
                "glm-agent doctor --preflight", "and whether every SGLang understands its command"),
            Example("glm-agent doctor --local --model /data/glm-5.1", "a host without an agent"),
        ])

    static let inventory = CommandSpec(
        name: "inventory", summary: "what this node is: dies, versions, settings; needs no agent",
        discussion: """
            With NODE, an agent is asked what that node last told the leader, whether it is there now or not.

            Reads npu-smi (one call at a time), hccn_tool and files, and changes nothing. What cannot be
            found out is told with the reason. As root it also sees who holds the device files. The
            JSON form is specified in Protocols/inventory.md.
            """,
        options: [.socket, .root, .model, .json],
        positionals: [
            PositionalSpec("NODE", optional: true, "a node of the cluster; this host by default")
        ],
        exitCodes: [.success, .failure, .usage, .noAgent],
        examples: [
            Example("glm-agent inventory", "a line a die, versions, settings"),
            Example("glm-agent inventory node-3", "what it was before it went away"),
            Example(
                "glm-agent inventory --model /data/glm-5.1 --json",
                "everything, with the weights, for a comparison of nodes"),
        ])

    static let untune = CommandSpec(
        name: "untune", summary: "put back what host_tuning: apply has changed on this host",
        discussion: """
            Kernel settings, the CPU governor and the reserved ports get the values that they had before an
            agent changed them. What somebody else has set since is left alone, and said. It needs root, and
            no agent; stop the agent first, or it sets them again at its next launch.
            """,
        options: [.config, .json], exitCodes: [.success, .failure, .usage],
        examples: [
            Example("glm-agent untune", "once the agent is stopped, as before an uninstall")
        ])

    static let version = CommandSpec(
        name: "version", summary: "the version of this program", options: [.json],
        exitCodes: [.success, .usage], examples: [Example("glm-agent version", "on one line")])

    static let help = CommandSpec(
        name: "help", summary: "this list, or the help of a command",
        positionals: [
            PositionalSpec("COMMAND", optional: true, completion: .command, "the command"),
            PositionalSpec("WORD", optional: true, "its second word, as in profiles show"),
        ],
        exitCodes: [.success, .usage], examples: [Example("glm-agent help status", "its help")])
}

// MARK: - For shells

extension CommandSpec {
    static let completions = CommandSpec(
        name: "completions", summary: "a completion script for a shell",
        positionals: [PositionalSpec("SHELL", completion: .shell, "bash, zsh or fish")],
        exitCodes: [.success, .usage],
        examples: [
            Example(
                "glm-agent completions bash > /etc/bash_completion.d/glm-agent", "for every user")
        ])

    static let manual = CommandSpec(
        name: "man", summary: "the manual page", exitCodes: [.success, .usage],
        examples: [Example("glm-agent man | man -l -", "read it")])
}

// MARK: - Hidden

extension CommandSpec {
    static let shim = CommandSpec(
        name: "shim", summary: "the process between an agent and one shard", isHidden: true,
        takesAnything: true)

    static let shimStage = CommandSpec(
        name: "shim-exec", summary: "the last steps before a shard's engine", isHidden: true,
        takesAnything: true)

    static let rehearsalEngine = CommandSpec(
        name: "rehearsal-engine", summary: "the built-in engine and router", isHidden: true,
        takesAnything: true)
}

/// The deployment that `rehearse` takes when none is named.
let rehearsedByDefault = "glm-5.1-w4a8-1p1d-32p-in64k-out1k-20ms"
