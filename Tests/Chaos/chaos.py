#!/usr/bin/env python3
"""Real agents, real engines of the rehearsal, real faults; a client asks all along.

    sudo Tests/Chaos/chaos.py --program .build/release/glm-agent --minutes 10 --seed 1

One fault after the other, or two at once on different nodes, is drawn from the seed: agents, shims and
engines are killed and frozen, nodes lose power, links go down, lose packets or are parted, disks fill up.
After each the cluster must become steady again by itself. At the end the record is held against the invariants of history.py. Needs root and
iproute2; runs in mount and process namespaces of its own, so nothing is left however it ends. With
`faketime` installed, the nodes' clocks differ by up to five minutes.

Exit code 1 where an invariant does not hold or the cluster did not recover; the directory named then has
every log. A seed draws the same faults again, not the same timing.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

from cluster import FAKETIME, Cluster, LabError, wait_until
from history import History, Request, Round

FORMATION_SECONDS = 60
RECOVERY_SECONDS = 120
STEADY_ANSWERS = 5
WIDTH = 96


class AgentEnded(Exception):
    """An agent ended that nobody had killed."""


class Fault:
    """One kind of fault: how it begins and ends, and whom it may disturb."""

    def __init__(self, name, seconds, begin, end=lambda test, target: None, *,
                 target="node", disturbs="node", fails=True):
        self.name = name
        # From and to; drawn between.
        self.seconds = seconds
        self.begin = begin
        self.end = end
        # What is drawn: a node, the leader, a shard, several nodes, or all.
        self.target = target
        # nothing; groups with a rank on the target; everything.
        self.disturbs = disturbs
        self.fails = fails


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


CONTROL = {"disturbs": "nothing", "fails": False}
FAULTS = [
    Fault("an agent is killed", (0, 8), stop_agents, start_agents, **CONTROL),
    Fault("the leader's agent is killed", (0, 8), stop_agents, start_agents,
          target="leader", **CONTROL),
    Fault("most agents are killed", (0, 20), stop_agents, start_agents, target="most", **CONTROL),
    Fault("all agents are killed", (0, 8), stop_agents, start_agents, target="all", **CONTROL),
    Fault("an agent is frozen", (1, 20), on_agents(signal.SIGSTOP), on_agents(signal.SIGCONT),
          **CONTROL),
    Fault("the leader's agent is frozen", (1, 20), on_agents(signal.SIGSTOP),
          on_agents(signal.SIGCONT), target="leader", **CONTROL),
    Fault("a disk is full", (2, 15),
          lambda test, nodes: [test.cluster.fill_disk(node) for node in nodes],
          lambda test, nodes: [test.cluster.free_disk(node) for node in nodes], **CONTROL),
    Fault("an engine is killed", (0, 0), on_engine(signal.SIGKILL), target="engine"),
    Fault("an engine is frozen", (8, 20), on_engine(signal.SIGSTOP), on_engine(signal.SIGCONT),
          target="engine"),
    Fault("a shim is killed", (0, 0), kill_shim, target="engine"),
    Fault("a node loses power", (0, 15),
          lambda test, nodes: [test.cluster.power_off(node) for node in nodes], start_agents),
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
]


def nodes_of(target):
    return {getattr(item, "node", item) for item in target}


class Test:
    def __init__(self, cluster, options):
        self.cluster = cluster
        self.options = options
        self.random = random.Random(options.seed)
        self.history = History()
        self.kinds = [fault for fault in FAULTS
                      if not options.only or options.only in fault.name]
        self._stopped = threading.Event()
        self._router_file = cluster.directory / "router"
        self._results = cluster.directory / "requests"

    # Watching

    def observe(self):
        """Writes down what can be seen, twice a second, until `_stopped`."""
        while not self._stopped.wait(0.5):
            self.history.saw_engines(time.monotonic(), self.cluster.engines())
            best = None
            for node in self.cluster.nodes:
                status = self.cluster.status(node)
                if status is None:
                    continue
                self.history.saw_status(status)
                if status["epoch"] not in self.history.plans and (plan := self.cluster.plan(node)):
                    self.history.saw_plan(self.cluster.name(node), plan)
                if status["quorum"]["ok"] and status["router"]:
                    best = status["router"]["url"]
            if best:
                self._router_file.write_text(best)

    def read_requests(self):
        if self._results.exists():
            lines = self._results.read_text().splitlines()
            self.history.requests = [Request(**json.loads(line)) for line in lines]
        return self.history.requests

    def compare_agents(self):
        for node in self.cluster.nodes:
            if (plan := self.cluster.plan(node)):
                self.history.saw_plan(self.cluster.name(node), plan)
            if (events := self.cluster.events(node)) is not None:
                self.history.saw_events(self.cluster.name(node), events)

    # Waiting

    def is_steady(self):
        """Every agent says ready, of the same plan, and that all are alive; one generation of each
        group runs, and requests are answered."""
        statuses = [self.cluster.status(node) for node in self.cluster.nodes]
        if not all(status and status["ready"] and status["quorum"]["ok"]
                   and all(member["state"] == "alive" for member in status["members"])
                   for status in statuses):
            return False
        if len({status["epoch"] for status in statuses}) > 1:
            return False
        current = {group["name"]: group["generation"] for group in statuses[0]["groups"]}
        return all(engine.generation == current.get(engine.group, engine.generation)
                   for engine in self.cluster.engines())

    def wait_steady(self, seconds):
        def is_steady():
            self.no_agent_has_ended()
            return self.is_steady()
        if not wait_until(seconds, is_steady, 0.3):
            return False
        since = time.monotonic()

        def is_answered():
            later = [request for request in self.read_requests() if request.begun > since]
            return len(later) >= STEADY_ANSWERS and not any(
                request.error for request in later[-STEADY_ANSWERS:])
        return wait_until(seconds, is_answered, 0.3)

    def no_agent_has_ended(self):
        """None gives up by itself while all of them should run."""
        for node in self.cluster.nodes:
            if (status := self.cluster.agent_has_ended(node)) is not None:
                log = self.cluster.directory / f"{self.cluster.name(node)}.log"
                last = log.read_text(errors="replace").splitlines()[-5:]
                raise AgentEnded(f"the agent of node {node} ended ({status}): {' / '.join(last)}")

    # Faults

    def leader(self):
        for node in self.cluster.nodes:
            status = self.cluster.status(node)
            if status and status["leader"]:
                return int(status["leader"].removeprefix("node-"))
        raise LabError("a steady cluster has no leader")

    def draw_target(self, fault, engines):
        nodes = list(self.cluster.nodes)
        match fault.target:
            case "node":
                return [self.random.choice(nodes)]
            case "leader":
                return [self.leader()]
            case "two":
                return self.random.sample(nodes, 2)
            case "most":
                return self.random.sample(nodes, len(nodes) // 2 + 1)
            case "all":
                return nodes
            case "engine":
                shards = sorted({engine.shard for engine in engines})
                shard = self.random.choice(shards)
                # The oldest is the main process: children come later.
                return [min((e for e in engines if e.shard == shard), key=lambda e: e.pid)]

    def disturbed(self, fault, target):
        """The groups that the fault may end: those with a rank there, and those that share a transfer
        store with one whose rank 0 keeps it. The router may be anywhere, and moves freely."""
        if fault.disturbs == "nothing":
            return frozenset()
        plan = next(filter(None, map(self.cluster.plan, self.cluster.nodes)))
        if fault.target == "engine":
            hit = {target[0].group}
        else:
            names = {self.cluster.name(node) for node in target}
            hit = {group["name"] for group in plan["groups"]
                   if any(rank["node"] in names for rank in group["ranks"])}
        for group in plan["groups"]:
            host = group["ranks"][0]["address"]
            if group["name"] in hit and group["store"] and f"//{host}:" in group["store"]:
                hit |= {other["name"] for other in plan["groups"]
                        if other["store"] == group["store"]}
        return frozenset(hit | {"router"})

    def draw_faults(self, first, engines):
        """(fault, target) for one or two faults, which share no node."""
        drawn = [(first, self.draw_target(first, engines))]
        if self.random.random() < self.options.pairs:
            second = self.random.choice(self.kinds)
            target = self.draw_target(second, engines)
            if not nodes_of(target) & nodes_of(drawn[0][1]):
                drawn.append((second, target))
        return drawn

    def round(self, number, first):
        engines = self.cluster.engines()
        drawn = self.draw_faults(first, engines)
        seconds = self.random.uniform(*max(fault.seconds for fault, _ in drawn))
        text = " and ".join(
            f"{fault.name} ({', '.join(str(getattr(item, 'shard', item)) for item in target)})"
            for fault, target in drawn) + f" for {seconds:.1f} s"
        disturbed = frozenset().union(*(self.disturbed(*fault) for fault in drawn))
        print(f"{number:4}  {text:{WIDTH}}", end="", flush=True)
        begun = time.monotonic()
        for fault, target in drawn:
            fault.begin(self, target)
        time.sleep(seconds)
        for fault, target in drawn:
            fault.end(self, target)
        healed = time.monotonic()
        if not self.wait_steady(RECOVERY_SECONDS):
            print("not steady again")
            return f"{text}: the cluster was not steady again after {RECOVERY_SECONDS} s"
        steady = time.monotonic()
        self.history.rounds.append(Round(
            text, begun, steady, disturbed, any(fault.fails for fault, _ in drawn),
            frozenset(engines), frozenset(self.cluster.engines())))
        self.compare_agents()
        print(f"steady {steady - healed:5.1f} s after its end", flush=True)
        return None

    def run(self):
        """What went wrong, as sentences."""
        for node in self.cluster.nodes:
            self.cluster.start(node)
        self._router_file.write_text("")
        client = subprocess.Popen(self.cluster.network.inside(
            "switch", sys.executable, str(pathlib.Path(__file__).with_name("client.py")),
            str(self._router_file), str(self._results)))
        observer = threading.Thread(target=self.observe)
        observer.start()
        try:
            if not self.wait_steady(FORMATION_SECONDS):
                return [f"the cluster was not steady after {FORMATION_SECONDS} s"]
            return self.rounds()
        except AgentEnded as error:
            return [str(error)]
        finally:
            self._stopped.set()
            observer.join()
            client.kill()
            client.wait()

    def rounds(self):
        end = time.monotonic() + self.options.minutes * 60
        deck = []
        number = 0
        while time.monotonic() < end:
            # Every kind once before any comes again.
            deck = deck or self.random.sample(self.kinds, len(self.kinds))
            number += 1
            if problem := self.round(number, deck.pop()):
                self.compare_agents()
                self.read_requests()
                return [problem, *self.history.violations()]
        self.read_requests()
        return self.history.violations()


def report(history):
    requests = history.requests
    failed = sum(1 for request in requests if request.error)
    print(f"\n{'FAULT':{WIDTH}}{'FAILED':>8}{'LONGEST OUTAGE':>16}")
    for round, count, outage in history.outages():
        print(f"{round.fault:{WIDTH}}{count:8}{outage:14.1f} s")
    print(f"\n{len(history.rounds)} faults, {len(requests)} requests, {failed} failed, "
          f"{len(history.leaders)} terms, {len(history.plans)} plans, "
          f"{sum(e['kind'] == 'launched' for e in history.ledger.values())} launches in the ledger")


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=".build/release/glm-agent", help="our binary")
    parser.add_argument("--profile", default="glm-5.1-w4a8-1p1d-32p-in64k-out1k-20ms")
    parser.add_argument("--nodes", type=int, default=5, help="one more than the profile's is a spare")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pairs", type=float, default=0.3, help="how often two faults come at once")
    parser.add_argument("--only", metavar="TEXT", help="only faults whose name has this")
    parser.add_argument("--keep", metavar="DIRECTORY", help="keep every log there")
    options = parser.parse_args()
    options.program = os.path.abspath(options.program)
    if not os.access(options.program, os.X_OK):
        parser.error(f"there is no program {options.program}; build it: swift build -c release")
    return options


def in_own_namespaces():
    """Runs this program anew in mount and process namespaces of its own: with their end, everything
    that it mounted or started is gone."""
    os.execvp("unshare", [
        "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
        sys.executable, *sys.argv])


def main():
    options = arguments()
    if os.geteuid() != 0:
        sys.exit("this needs root: it makes network namespaces; run it with sudo")
    if os.getpid() != 1:
        in_own_namespaces()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    skews = {}
    if FAKETIME:
        drawn = random.Random(options.seed)
        skews = {node: drawn.randint(-300, 300) for node in range(1, options.nodes + 1)}
    directory = tempfile.mkdtemp(prefix="glm-chaos-")
    clocks = f"ahead by {', '.join(f'{skew} s' for skew in skews.values())}" if skews else "equal"
    print(f"seed {options.seed}, clocks {clocks}; logs in {options.keep or directory}", flush=True)
    try:
        with Cluster(options.program, options.profile, options.nodes, directory, skews) as cluster:
            test = Test(cluster, options)
            problems = test.run()
            if options.keep or problems:
                shutil.copytree(directory, options.keep or f"{directory}-kept", dirs_exist_ok=True,
                                ignore=shutil.ignore_patterns("*.sock"))
    except LabError as error:
        sys.exit(f"chaos: {error}")
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    report(test.history)
    for problem in problems:
        print(f"BROKEN  {problem}")
    if problems:
        print(f"logs: {options.keep or directory + '-kept'}")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
