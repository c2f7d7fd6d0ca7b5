#!/usr/bin/env python3
"""Real agents, real engines of the rehearsal, real faults; a client asks all along.

    sudo Tests/Chaos/chaos.py --program .build/release/glm-agent --minutes 10 --seed 1

One fault after the other, or two at once on different nodes, is drawn from the seed (`faults.py`): agents,
shims and engines are killed and frozen, nodes lose power, links go down, lose packets or are parted, disks
fill up, clocks jump; and operators upgrade agents, drain, demote, restart and drill meanwhile.
After each the cluster must become steady again by itself. At the end the record is held against the
invariants of `history.py` and `ledger.py`. Needs root and iproute2; runs in mount and process namespaces of its
own, so nothing is left however it ends. With `faketime` installed, the nodes' clocks differ by up to five
minutes, and jump; without it the run says what it left out.

Exit code 1 where an invariant does not hold or the cluster did not recover; the directory named then has
every log. A seed draws the same faults again, not the same timing.
"""

import argparse
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

from cluster import FAKETIME, Cluster, LabError, run
from faults import FAULTS, AgentEnded, Refused
from history import Round
from summary import summary
from watch import Watch

FORMATION_SECONDS = 60
RECOVERY_SECONDS = 120
# A recovery that takes longer tells what for.
SLOW_SECONDS = 4
WIDTH = 96


def nodes_of(target):
    return {getattr(item, "node", item) for item in target}


class Act(threading.Thread):
    """A fault on its way from its beginning to its end, beside another or alone."""

    def __init__(self, test, fault, target, seconds):
        super().__init__(daemon=True)
        self._test, self._fault, self._target, self._seconds = test, fault, target, seconds
        # What could not be done, and what is wrong in any case.
        self.refused = None
        self.problem = None

    def run(self):
        try:
            try:
                self._fault.begin(self._test, self._target)
            except Refused as error:
                self.refused = f"{self._fault.name}: {error}"
            time.sleep(self._seconds)
            self._fault.end(self._test, self._target)
        except (Refused, AgentEnded, LabError, OSError, ValueError) as error:
            self.problem = f"{self._fault.name}: {error}"


class Test(Watch):
    def __init__(self, cluster, options):
        super().__init__(cluster)
        self.options = options
        self.random = random.Random(options.seed)
        chosen = [fault for fault in FAULTS
                  if (not options.only or options.only in fault.name)
                  and not any(text in fault.name for text in options.without)]
        self.kinds = [fault for fault in chosen if FAKETIME or not fault.moves_clock]
        # What this machine cannot do.
        self.left_out = [fault.name for fault in chosen if fault not in self.kinds]
        self.begun = time.monotonic()

    # Faults

    def draw_target(self, fault, engines):
        """Empty where there is none of the kind."""
        nodes = list(self.cluster.nodes)
        match fault.target:
            case "node":
                return [self.random.choice(nodes)]
            case "leader":
                return [self.leader()]
            case "follower":
                leader = self.leader()
                return [self.random.choice([node for node in nodes if node != leader])]
            case "leader and another":
                leader = self.leader()
                return [leader, self.random.choice([node for node in nodes if node != leader])]
            case "spare":
                spares = sorted(map(self.cluster.node, self.plan()["spares"]))
                return [self.random.choice(spares)] if spares else []
            case "holder":
                return [self.random.choice(sorted({engine.node for engine in engines}))]
            case "two":
                return self.random.sample(nodes, 2)
            case "most":
                return self.random.sample(nodes, len(nodes) // 2 + 1)
            case "all":
                return self.random.sample(nodes, len(nodes))
            case "engine":
                shards = sorted({engine.shard for engine in engines})
                shard = self.random.choice(shards)
                # The oldest is the main process: children come later.
                return [min((e for e in engines if e.shard == shard), key=lambda e: e.pid)]

    def disturbed(self, fault, target):
        """The groups that the fault may end: those with a rank there, and those that share a transfer
        store with one whose rank 0 keeps it. The router follows the plan: it may be touched by all
        that moves a rank, and by nothing that happens to one engine of another group."""
        if fault.disturbs == "nothing":
            return frozenset()
        plan = self.plan()
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
        return frozenset(hit if fault.target == "engine" else hit | {"router"})

    def draw_faults(self, first, engines):
        """(fault, target) for one or two faults, which share no node."""
        drawn = [(first, self.draw_target(first, engines))]
        if self.random.random() < self.options.pairs:
            second = self.random.choice(self.kinds)
            target = self.draw_target(second, engines)
            if target and not nodes_of(target) & nodes_of(drawn[0][1]):
                drawn.append((second, target))
        return drawn

    def struck_shard(self, drawn):
        """(group, node, rank) where one shard was struck and nothing else happened; else None."""
        fault, target = drawn[0]
        if len(drawn) > 1 or not fault.strikes:
            return None
        engine = target[0]
        return engine.group, self.cluster.name(engine.node), int(engine.shard.rpartition(".r")[2])

    def act(self, drawn):
        """Lets the faults happen; what is wrong about that, as a sentence, or None."""
        acts = [Act(self, fault, target, self.random.uniform(*fault.seconds))
                for fault, target in drawn]
        self.struck = set().union(*(nodes_of(target) for _, target in drawn))
        for act in acts:
            act.start()
        for act in acts:
            act.join()
        self.struck = set()
        # Two faults may leave nobody who could carry out an order.
        refused = acts[0].refused if len(acts) == 1 else None
        return next((act.problem for act in acts if act.problem), refused)

    def round(self, number, first):
        engines = self.cluster.engines()
        drawn = self.draw_faults(first, engines)
        if not drawn[0][1]:
            return None
        text = " and ".join(
            f"{fault.name} ({', '.join(str(getattr(item, 'shard', item)) for item in target)})"
            for fault, target in drawn)
        disturbed = frozenset().union(*(self.disturbed(*fault) for fault in drawn))
        begun, term = time.monotonic(), self.term()
        minutes, seconds = divmod(int(begun - self.begun), 60)
        print(f"{number:4} {minutes:3}:{seconds:02}  {text:{WIDTH}}", end="", flush=True)
        problem = self.act(drawn)
        healed = time.monotonic()
        waited_for = None
        if not problem:
            problem, waited_for = self.recovery()
        steady = time.monotonic()
        after = frozenset(self.cluster.engines())
        one_clock = self.term() == term and not any(fault.moves_clock for fault, _ in drawn)
        faults = [fault for fault, _ in drawn]
        self.history.rounds.append(Round(
            text, begun, steady, disturbed, may_fail=any(fault.fails for fault in faults),
            before=frozenset(engines), after=after, kinds=tuple(fault.name for fault in faults),
            restarts=tuple(self.compare_agents()),
            causes=frozenset().union(*(fault.causes for fault in faults)),
            ordered=any(fault.ordered for fault in faults), struck=self.struck_shard(drawn),
            names=len(faults) == 1 and faults[0].names, one_clock=one_clock))
        restarts = len(self.history.rounds[-1].restarts)
        failed, outage = self.history.outage(self.history.rounds[-1])
        print("BROKEN" if problem else
              f"{healed - begun:5.1f} s, steady {steady - healed:4.1f} s later; "
              f"{restarts} restarts, {failed} failed, out {outage:.1f} s", flush=True)
        if steady - healed > SLOW_SECONDS:
            print(f"{'':13}waited for: {waited_for}", flush=True)
        return problem and f"{text}: {problem}"

    def recovery(self):
        """What is wrong with it, or None, and what took longest."""
        try:
            is_steady, waited_for = self.wait_steady(RECOVERY_SECONDS)
        except AgentEnded as error:
            return str(error), None
        late = f"the cluster was not steady again after {RECOVERY_SECONDS} s: {waited_for}"
        return None if is_steady else late, waited_for

    def run(self):
        """What went wrong, as sentences."""
        for node in self.cluster.nodes:
            self.cluster.start(node)
        self.router_file.write_text("")
        client = subprocess.Popen(self.cluster.network.inside(
            "switch", sys.executable, str(pathlib.Path(__file__).with_name("client.py")),
            str(self.router_file), str(self.results)))
        observer = threading.Thread(target=self.observe)
        observer.start()
        try:
            is_steady, waited_for = self.wait_steady(FORMATION_SECONDS)
            if not is_steady:
                return [f"the cluster was not steady after {FORMATION_SECONDS} s: {waited_for}"]
            self.compare_agents()
            return self.rounds()
        except AgentEnded as error:
            return [str(error)]
        finally:
            self.stopped.set()
            observer.join()
            client.kill()
            client.wait()

    def rounds(self):
        end = self.begun + self.options.minutes * 60
        if not self.plan()["spares"]:
            self.kinds = [fault for fault in self.kinds if fault.target != "spare"]
        if not self.kinds:
            raise LabError("no fault is left to draw from; look at --only, --without and --nodes")
        deck, number, problem = [], 0, None
        while time.monotonic() < end and not problem:
            # Every kind once before any comes again.
            deck = deck or self.random.sample(self.kinds, len(self.kinds))
            number += 1
            problem = self.round(number, deck.pop())
        self.read_requests()
        return [*filter(None, [problem]), *self.history.violations()]


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
    parser.add_argument("--without", metavar="TEXT", action="append", default=[],
                        help="no fault whose name has this; may be repeated")
    parser.add_argument("--skew", type=int, default=300, metavar="SECONDS",
                        help="how far a clock may be off, either way")
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
    # faketime's files there have the names of processes, which another run has had, too.
    run("mount", "-t", "tmpfs", "chaos", "/dev/shm")
    # And so would have the network namespaces of a run beside this one.
    os.makedirs("/run/netns", exist_ok=True)
    run("mount", "-t", "tmpfs", "chaos", "/run/netns")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    skews = {}
    if FAKETIME:
        drawn = random.Random(options.seed)
        skews = {node: drawn.randint(-options.skew, options.skew) for node in range(1, options.nodes + 1)}
    directory = tempfile.mkdtemp(prefix="glm-chaos-")
    clocks = (f"ahead by {', '.join(f'{skew} s' for skew in skews.values())}" if skews
              else "equal, since there is no faketime")
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
    print(summary(test.history))
    if test.left_out:
        print(f"LEFT OUT, since there is no faketime (apt-get install faketime): skewed clocks, "
              f"{', '.join(test.left_out)}")
    for problem in problems:
        print(f"BROKEN  {problem}")
    if problems:
        print(f"logs: {options.keep or directory + '-kept'}")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
