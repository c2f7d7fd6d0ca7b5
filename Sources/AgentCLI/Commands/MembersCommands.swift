// The commands that change who the nodes of the cluster are, described. They ask any agent; the leader decides
// whether it is safe.

extension OptionSpec {
    static let superPod = OptionSpec(
        "super-pod", value: "ID", "the super pod that the node is in, where the others say theirs")
    static let forcedRemoval = OptionSpec(
        "force", "though the node holds a rank of a group that runs: that generation ends")
    static let asOnlyVoter = OptionSpec(
        "as-only-voter", "this node goes on alone with what it has")
    static let acceptLoss = OptionSpec(
        "accept-loss", "the other voters are lost for ever, and what only they had may be lost")
}

extension CommandSpec {
    private static let exitCodesOfOrders: [ExitCode] = [.success, .failure, .usage, .noAgent]

    static let membersAdd = CommandSpec(
        name: "members add", summary: "take a node into the cluster",
        discussion: """
            The node's own file names itself and the nodes that are there, and says `join: true`. It is sent
            the log as soon as its agent runs, is a spare from then on, and votes once it has the log if fewer
            than five do. A node of the same name that was removed before gives way to it.
            """,
        options: [.socket, .superPod, .json],
        positionals: [
            PositionalSpec("NAME", "the node's name, as its own file says it"),
            PositionalSpec("ADDRESS", "its address, as its own file says it"),
        ],
        exitCodes: exitCodesOfOrders,
        examples: [Example("glm-agent members add node-5 10.0.0.5", "grow by a node")])

    static let membersRemove = CommandSpec(
        name: "members remove", summary: "take a node out of the cluster for good",
        discussion: """
            It loses its vote, ends what it runs once that is over, and is told, also where it was down and
            comes back. Refused where the votes that answer would be too few without it, and for a node that
            holds a rank of a group that runs, unless --force says that this group may restart.
            """,
        options: [.socket, .forcedRemoval, .json],
        positionals: [PositionalSpec("NAME", "the node, as members names it")],
        exitCodes: exitCodesOfOrders,
        examples: [
            Example("glm-agent members remove node-4", "before node-4 is sent back"),
            Example("glm-agent members remove --force node-2", "though prefill-0 has to restart"),
        ])

    static let membersPromote = CommandSpec(
        name: "members promote", summary: "let a node vote again that was demoted",
        options: [.socket, .json],
        positionals: [PositionalSpec("NAME", "the node, as members names it")],
        exitCodes: exitCodesOfOrders,
        examples: [Example("glm-agent members promote node-5", "once node-5 is steady")])

    static let membersDemote = CommandSpec(
        name: "members demote", summary: "let a node learn only, without a vote",
        options: [.socket, .json],
        positionals: [PositionalSpec("NAME", "the node, as members names it")],
        exitCodes: exitCodesOfOrders,
        examples: [Example("glm-agent members demote node-1", "a node with a slow disk")])

    static let membersLead = CommandSpec(
        name: "members lead", summary: "hand leadership to a node",
        discussion: "It must vote. No engine notices; the leader before goes on as a follower.",
        options: [.socket, .json],
        positionals: [PositionalSpec("NAME", "the node, as members names it")],
        exitCodes: exitCodesOfOrders,
        examples: [Example("glm-agent members lead node-2", "before node-1 is looked after")])

    static let recover = CommandSpec(
        name: "recover", summary: "go on alone after a majority of the voters is lost for ever",
        discussion: """
            Only for a cluster that can never have a majority again: the disks of most voters are gone. On
            the node that has the most (its agent stopped), this makes it the only voter and removes all
            others. What was agreed and this node was not told of is lost, and should the others live after
            all, there are two clusters. Afterwards start the agent, empty the state directories of the other
            nodes that live, give their files `join: true`, and add them again. Engines that run go on.
            Without --accept-loss it tells what it would do and changes nothing.
            """,
        options: [.config, .asOnlyVoter, .acceptLoss, .json],
        exitCodes: [.success, .failure, .usage],
        examples: [
            Example(
                "glm-agent recover --as-only-voter", "what this node has, and what is at stake"),
            Example("glm-agent recover --as-only-voter --accept-loss", "do it"),
        ])
}
