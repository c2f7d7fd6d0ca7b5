"""The table of what is done to a cluster: faults, and what operators do to it on an ordinary day.

Each kind says how it begins and ends, whom it may disturb, and what the ledger of restarts may say of it
afterwards; `chaos.py` draws from the table, and `history.py` holds the record against it. An act that could
not be done raises `Refused`: that is a problem where nothing else went on, and may be where two faults met.
"""

import json
import os
import pathlib
import signal
import subprocess
import time

from cluster import wait_until

# A disk that takes no writes: exit code 6 of README.md, and the system's words for it in the agent's log.
STORAGE_EXIT, FULL, READ_ONLY = 6, "ENOSPC", "EROFS"
ORDER_SECONDS = 60
# As many orders as fill what is left of the log's last page and more.
FILLING_ORDERS = 100
# The unit's TimeoutStopSec and RestartSec.
STOP_SECONDS, RESTART_SECONDS = 20, 2
CLOCK_JUMPS = (-3600, -30, 30, 3600)

# What the ledger may give as the cause of a restart.
FAILED = frozenset({"failure", "dependency"})
CUT_OFF = frozenset({"failure", "nodeLost", "planChanged", "dependency"})
# The last where no spare was left, and it was forced.
DRAINED = frozenset({"planChanged", "dependency", "byOperator"})
ORDERED = frozenset({"byOperator", "dependency"})


class Refused(Exception):
    """An order was not carried out, or had not the effect that it should have."""


class AgentEnded(Exception):
    """An agent ended that nobody had killed, or not as it should."""


class Fault:
    """One kind of fault: how it begins and ends, and whom it may disturb."""

    def __init__(self, name, seconds, begin, end=lambda test, target: None, *,
                 target="node", disturbs="node", fails=True, causes=CUT_OFF, ordered=False,
                 strikes=False, names=False, moves_clock=False):
        self.name = name
        # From and to; drawn between.
        self.seconds = seconds
        self.begin = begin
        self.end = end
        # What is drawn: a node of some kind, a shard, several nodes, or all.
        self.target = target
        # nothing; groups with a rank on the target; everything.
        self.disturbs = disturbs
        # Whether a request may fail.
        self.fails = fails
        # What the ledger may say of the restarts that follow, and whether an operator asked for them.
        self.causes = causes if disturbs != "nothing" else frozenset()
        self.ordered = ordered
        # Whether the group of the shard that is struck must restart, and whether the ledger must name
        # its rank as the first. One that hangs may be seen later than its rank 0 is found silent:
        # times are short here, and looks are not.
        self.strikes = strikes or names
        self.names = names
        self.moves_clock = moves_clock


# Processes

def stop_agents(test, nodes):
    for node in nodes:
        test.cluster.signal_agent(node, signal.SIGKILL)


def start_agents(test, nodes):
    for node in nodes:
        test.cluster.start(node)


def on_agents(number):
    return lambda test, nodes: [test.cluster.signal_agent(node, number) for node in nodes]


def on_nodes(method, *arguments):
    return lambda test, nodes: [getattr(test.cluster.network, method)(node, *arguments)
                                for node in nodes]


def on_engine(number):
    def act(test, engines):
        for engine in engines:
            try:
                os.kill(engine.pid, number)
            except ProcessLookupError:
                pass
    return act


def kill_shim(test, engines):
    for engine in engines:
        stat = pathlib.Path(f"/proc/{engine.pid}/stat").read_text()
        parent = int(stat.rsplit(")", 1)[1].split()[1])
        os.kill(parent, signal.SIGKILL)


def supervise(test, node):
    """Starts an agent that has ended, like systemd by our unit."""
    time.sleep(RESTART_SECONDS)
    test.cluster.start(node)


def upgrade_agents(test, nodes):
    """One node after the other, as in an upgrade: stopped like systemd stops it, started again, and the
    next once this one says that all is well."""
    for node in nodes:
        test.cluster.signal_agent(node, signal.SIGTERM)
        if not wait_until(STOP_SECONDS, lambda: test.cluster.agent_has_ended(node) is not None):
            raise Refused(f"the agent of node {node} had not ended {STOP_SECONDS} s after SIGTERM")
        if (code := test.cluster.agent_has_ended(node)) != 0:
            raise AgentEnded(f"the agent of node {node} ended with {code} after SIGTERM")
        test.cluster.start(node)

        def is_back():
            status = test.cluster.status(node)
            return bool(status and status["ready"] and status["quorum"]["ok"])
        if not wait_until(ORDER_SECONDS, is_back):
            raise Refused(f"node {node} was not ready {ORDER_SECONDS} s after its upgrade")


# Disks

def fill_disk(test, nodes):
    """Fills the disk and lets the cluster agree on something until the agent there has to write: it
    ends, and does so again when its supervisor starts it."""
    for node in nodes:
        told = test.cluster.log_size(node)
        for number in range(FILLING_ORDERS):
            # Anew: what is rotated or compacted there leaves room again.
            test.cluster.fill_disk(node)
            if wait_until(0.1, lambda: test.cluster.agent_has_ended(node) is not None, 0.02):
                break
            try:
                order(test, "uncordon" if number % 2 else "cordon", test.cluster.name(node),
                      seconds=3)
            except Refused:
                pass
        else:
            raise Refused(f"the agent of node {node} goes on with a full disk")
        ended_of_its_disk(test, node, told, FULL)
        cannot_start(test, node, FULL)


def cannot_start(test, node, words):
    told = test.cluster.log_size(node)
    supervise(test, node)
    if not wait_until(ORDER_SECONDS, lambda: test.cluster.agent_has_ended(node) is not None):
        raise AgentEnded(f"the agent of node {node} started on a disk that takes no writes ({words})")
    ended_of_its_disk(test, node, told, words)


def ended_of_its_disk(test, node, told, words):
    code, log = test.cluster.agent_has_ended(node), test.cluster.log(node, told)
    if code != STORAGE_EXIT or words not in log:
        last = " / ".join(log.splitlines()[-3:])
        raise AgentEnded(f"the agent of node {node}, its disk {words}, ended with {code}: {last}")


def come_up_read_only(test, nodes):
    """A node loses power and comes up with the disk of its state mounted so that nothing can be written: its
    agent ends at its start, and says why."""
    for node in nodes:
        test.cluster.power_off(node)
        test.cluster.set_disk_writable(node, False)
        cannot_start(test, node, READ_ONLY)


def set_writable(test, nodes):
    for node in nodes:
        test.cluster.set_disk_writable(node, True)
        supervise(test, node)


def free_disk(test, nodes):
    for node in nodes:
        test.cluster.free_disk(node)
        # One that ended otherwise is found by who looks after all agents.
        if test.cluster.agent_has_ended(node) == STORAGE_EXIT:
            supervise(test, node)
    uncordon(test, nodes)


# Clocks

def move_clocks(test, nodes):
    jump = test.random.choice(CLOCK_JUMPS)
    for node in nodes:
        test.cluster.set_clock(node, jump)


def set_clocks_back(test, nodes):
    for node in nodes:
        test.cluster.set_clock(node, 0)


# Orders

def order(test, *words, seconds=ORDER_SECONDS):
    """Gives an order to an agent that nothing happens to, and returns what was printed."""
    result = test.cluster.command(test.bystander(), *words, seconds=seconds)
    if result.returncode != 0:
        raise Refused(f"glm-agent {' '.join(words)}: {result.stderr.strip() or result.stdout}")
    return result.stdout


def on_members(*words, shows):
    """The order for each of the nodes, until it shows."""
    def act(test, nodes):
        for node in nodes:
            order(test, *words, test.cluster.name(node))
            if not wait_until(ORDER_SECONDS, lambda: shows(test, node)):
                raise Refused(f"{' '.join(words)}: agreed, and not seen")
    return act


def is_cordoned(test, node):
    member = test.member(node)
    return member and member["cordon"] == "cordoned"


def is_learner(test, node):
    member = test.member(node)
    return member and member["role"] == "learner"


def is_removed(test, node):
    """Neither the others nor its own agent list it."""
    own = test.cluster.status(node)
    return own and not test.member(node) and all(
        member["node"] != test.cluster.name(node) for member in own["members"])


def undo(test, node, is_undone, *words):
    """Until it shows: the order may come too early, and what it undoes may still come late."""
    refusals = []

    def attempt():
        try:
            order(test, *words)
        except Refused as error:
            refusals.append(error)
        return wait_until(3, lambda: is_undone(test.member(node)))
    if not wait_until(ORDER_SECONDS, attempt):
        raise Refused(f"not undone after {ORDER_SECONDS} s: {refusals[-1] if refusals else words}")


def uncordon(test, nodes):
    for node in nodes:
        undo(test, node, lambda member: member and member["cordon"] is None,
             "uncordon", test.cluster.name(node))


def drain(test, nodes):
    """To a spare, and watched until it is done; without one the groups there stop."""
    how = () if test.plan()["spares"] else ("--force", "--no-wait")
    for node in nodes:
        order(test, "drain", test.cluster.name(node), *how)


def promote(test, nodes):
    for node in nodes:
        undo(test, node, lambda member: member and member["role"] == "voter",
             "members", "promote", test.cluster.name(node))


def add_again(test, nodes):
    for node in nodes:
        undo(test, node, lambda member: member and member["role"] == "voter",
             "members", "add", test.cluster.name(node), test.cluster.network.address(node))


def restart_group(test, engines):
    for engine in engines:
        order(test, "restart", engine.group)


# Drills

def drill_shard(what):
    def act(test, engines):
        for engine in engines:
            rank = engine.shard.rpartition(".r")[2]
            told = order(test, "drill", what, f"{engine.group}/{rank}", "--yes", "--json")
            report = json.loads(told)
            test.drilled.append(report["restart"])
    return act


def drill_kill_agent(test, nodes):
    for node in nodes:
        with test.cluster.begin_command(test.bystander(), "drill", "kill-agent",
                                        test.cluster.name(node), "--yes") as drill:
            if wait_until(STOP_SECONDS, lambda: test.cluster.agent_has_ended(node) is not None):
                supervise(test, node)
            try:
                _, told = drill.communicate(timeout=ORDER_SECONDS)
            except subprocess.TimeoutExpired as error:
                drill.kill()
                raise Refused("the drill did not end") from error
            if drill.returncode != 0:
                raise Refused(f"the drill did not pass: {told.strip()}")


def drill_freeze_agent(test, nodes):
    for node in nodes:
        order(test, "drill", "freeze-agent", test.cluster.name(node), "--for", "5", "--yes")


CONTROL = {"disturbs": "nothing", "fails": False}
ENGINE = {"target": "engine", "causes": FAILED}
FAULTS = [
    # Agents and their disks
    Fault("an agent is killed", (0, 8), stop_agents, start_agents, **CONTROL),
    Fault("the leader's agent is killed", (0, 8), stop_agents, start_agents,
          target="leader", **CONTROL),
    Fault("most agents are killed", (0, 20), stop_agents, start_agents, target="most", **CONTROL),
    Fault("all agents are killed", (0, 8), stop_agents, start_agents, target="all", **CONTROL),
    Fault("an agent is frozen", (1, 20), on_agents(signal.SIGSTOP), on_agents(signal.SIGCONT),
          **CONTROL),
    Fault("the leader's agent is frozen", (1, 20), on_agents(signal.SIGSTOP),
          on_agents(signal.SIGCONT), target="leader", **CONTROL),
    Fault("a disk is full", (0, 8), fill_disk, free_disk, **CONTROL),
    Fault("the leader's disk is full", (0, 8), fill_disk, free_disk, target="leader", **CONTROL),
    Fault("a clock jumps", (2, 10), move_clocks, set_clocks_back, moves_clock=True, **CONTROL),
    Fault("the leader's clock jumps", (2, 10), move_clocks, set_clocks_back, target="leader",
          moves_clock=True, **CONTROL),
    # Engines
    Fault("an engine is killed", (0, 0), on_engine(signal.SIGKILL), names=True, **ENGINE),
    Fault("an engine is frozen", (8, 20), on_engine(signal.SIGSTOP), on_engine(signal.SIGCONT),
          **ENGINE),
    # Longer than an answer is waited for (25 s), and than the hang must last (unresponsive_after).
    Fault("an engine hangs", (33, 38), on_engine(signal.SIGSTOP), on_engine(signal.SIGCONT),
          strikes=True, **ENGINE),
    Fault("a shim is killed", (0, 0), kill_shim, names=True, **ENGINE),
    # Nodes and their links
    Fault("a node loses power", (0, 15),
          lambda test, nodes: [test.cluster.power_off(node) for node in nodes], start_agents),
    Fault("a disk comes up read-only", (0, 8), come_up_read_only, set_writable),
    Fault("a node is frozen", (1, 15),
          lambda test, nodes: [test.cluster.signal_node(node, signal.SIGSTOP) for node in nodes],
          lambda test, nodes: [test.cluster.signal_node(node, signal.SIGCONT) for node in nodes]),
    Fault("a link blinks", (0.2, 1), on_nodes("link", "down"), on_nodes("link", "up"),
          disturbs="nothing"),
    Fault("a link is down", (5, 25), on_nodes("link", "down"), on_nodes("link", "up")),
    Fault("a node is not heard", (5, 25), on_nodes("lose", 100), on_nodes("lose", 0)),
    Fault("a node hears nothing", (5, 25), on_nodes("lose", 100, ("egress",)), on_nodes("lose", 0)),
    Fault("a link loses a fifth", (10, 20), on_nodes("lose", 20, ("ingress", "egress")),
          on_nodes("lose", 0)),
    Fault("two nodes are parted from the rest", (5, 25),
          lambda test, nodes: test.cluster.network.part(nodes),
          lambda test, nodes: test.cluster.network.part(nodes, "bridge"), target="two"),
    Fault("a pair of nodes is cut", (5, 25),
          lambda test, nodes: test.cluster.network.cut(nodes),
          lambda test, nodes: test.cluster.network.cut(nodes, False), target="two"),
    Fault("the leader and another are cut", (5, 25),
          lambda test, nodes: test.cluster.network.cut(nodes),
          lambda test, nodes: test.cluster.network.cut(nodes, False), target="leader and another"),
    # What operators do
    Fault("all agents are upgraded", (0, 0), upgrade_agents, target="all", **CONTROL),
    Fault("a node is cordoned", (0, 5), on_members("cordon", shows=is_cordoned), uncordon, **CONTROL),
    Fault("a node is drained", (0, 5), drain, uncordon, target="holder", causes=DRAINED,
          ordered=True),
    Fault("a voter is demoted", (1, 8), on_members("members", "demote", shows=is_learner), promote,
          **CONTROL),
    Fault("leadership is handed over", (0, 2),
          on_members("members", "lead", shows=lambda test, node: test.leader() == node),
          target="follower", **CONTROL),
    Fault("a spare is removed and added", (1, 8),
          on_members("members", "remove", shows=is_removed), add_again, target="spare", **CONTROL),
    Fault("a group is restarted", (0, 0), restart_group, target="engine", causes=ORDERED,
          ordered=True),
    Fault("a drill kills a shard", (0, 0), drill_shard("kill-shard"), names=True, **ENGINE),
    Fault("a drill freezes a shard", (0, 0), drill_shard("freeze-shard"), strikes=True,
          **ENGINE),
    Fault("a drill kills an agent", (0, 0), drill_kill_agent, **CONTROL),
    Fault("a drill freezes an agent", (0, 0), drill_freeze_agent, **CONTROL),
]
