#!/usr/bin/env python3
"""How soon agents know of each other's faults, beside Serf on the same machine in the same run.

    sudo Tests/Benchmarks/detection.py --program .build/release/glm-agent --nodes 2,4,16
    sudo Tests/Benchmarks/detection.py --cases load --nodes 6 --minutes 30

Needs root (network namespaces, packet loss by tc) and iproute2. Serf is found in the PATH or with --serf;
Debian's package is `serf`, and `apt-get download serf && dpkg -x serf_*.deb DIRECTORY` is enough.
Clusters of the systems take turns within each repetition. Everything is removed at the end.

Cases: `crash` forms a cluster and kills agents one after the other (SIGKILL); `faults` stops an agent
(SIGSTOP), silences one for a moment, takes down a link, loses all that one node sends, then all that one is
sent, and ends each of these again; `load` counts deaths while every core spins and each link loses 5 %, once,
however many repetitions the others have. A time that is not reached within --cap counts as
infinite. Exit code 1 where a target of glm-agent is missed, or was not measured though its case was asked for.
"""

import argparse
import json
import math
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from detection_lab import Lab, LabError, Ours, Serf

FORMATION_CAP = 60
COUNTED = "deaths of the healthy"
ORDINALS = ["1st", "2nd", "3rd"]


def targets(case, count):
    """The bars for glm-agent that a case measures in a cluster of that size, in seconds or in deaths: the
    worst of all runs must lie below."""
    bars = {"formation": FORMATION_CAP}
    match case:
        case "crash":
            bars |= {f"{ordinal} SIGKILL, all know": 0.5 for ordinal in ORDINALS[: count - 1]}
            bars[f"SIGKILL: {COUNTED}"] = 1
        case "faults":
            bars |= {"SIGSTOP, all know": 4, "SIGCONT, all back": 2, "link down, majority knows": 4,
                     "link down, cut off knows": 4, "link up, all back": 2}
            for way in ("egress", "ingress"):
                bars |= {f"{way} lost, others know": 4, f"{way} lost, it knows": 4,
                         f"{way} back, all back": 2}
            bars |= {f"{fault}: {COUNTED}": 1
                     for fault in ("SIGSTOP", "silence of 1.2 s", "link down", "egress lost",
                                   "ingress lost")}
        case "load":
            bars[f"load and 5 % loss: {COUNTED}"] = 1
    return bars


class Results:
    """Samples of every case, by size of the cluster and system."""

    def __init__(self):
        self.samples = {}

    def add(self, count, case, system, value):
        self.samples.setdefault((count, case), {}).setdefault(system, []).append(value)
        shown = f"{value}" if COUNTED in case else seconds(value)
        print(f"    {system:10} {count:2} nodes  {case}: {shown}", file=sys.stderr, flush=True)


def seconds(value):
    return "never" if math.isinf(value) else f"{value:.2f} s"


class Trial:
    """One cluster and what is done to it."""

    def __init__(self, lab, results, options):
        self.lab = lab
        self.results = results
        self.options = options
        self.count = len(lab.nodes)

    def add(self, case, value):
        self.results.add(self.count, case, self.lab.system.name, value)

    def time(self, start, *conditions):
        """For each condition the time until it held, all watched at once."""
        found = [math.inf] * len(conditions)

        def look():
            for index, condition in enumerate(conditions):
                if math.isinf(found[index]) and condition():
                    found[index] = time.monotonic() - start
            return not any(map(math.isinf, found))

        self.lab.watch(self.options.cap, look)
        return found

    def form(self):
        start = time.monotonic()
        for node in self.lab.nodes:
            self.lab.start(node)
        formed = self.lab.watch(
            FORMATION_CAP, lambda: self.lab.all_say(self.lab.nodes, self.lab.nodes, "alive"))
        self.add("formation", time.monotonic() - start if formed else math.inf)
        self.lab.watch(self.options.settle)
        return formed

    def settle(self):
        """Waits until everyone is back, however long it takes, and a little longer."""
        nodes = self.lab.nodes
        self.lab.watch(120, lambda: self.lab.all_say(nodes, nodes, "alive"))
        self.lab.watch(self.options.settle)

    # Cases

    def crash(self):
        """SIGKILL of up to three agents, as long as one is left to see it."""
        lab = self.lab
        begun = time.monotonic()
        survivors = list(lab.nodes)
        for ordinal in ORDINALS[: self.count - 1]:
            victim = survivors.pop()
            start = lab.signal(victim, signal.SIGKILL)
            known, = self.time(start, lambda: lab.all_say(survivors, [victim], "dead"))
            self.add(f"{ordinal} SIGKILL, all know", known)
            lab.watch(3)
        killed = [node for node in lab.nodes if node not in survivors]
        false = lab.deaths(begun, lambda event: event.subject in killed)
        self.add(f"SIGKILL: {COUNTED}", len(false))

    def faults(self):
        self.stop()
        self.blink()
        self.partition()
        self.lose("egress", way="ingress")
        self.lose("ingress", way="egress")

    def stop(self):
        lab, victim = self.lab, self.count
        others = [node for node in lab.nodes if node != victim]
        begun = lab.signal(victim, signal.SIGSTOP)
        known, = self.time(begun, lambda: lab.all_say(others, [victim], "dead"))
        self.add("SIGSTOP, all know", known)
        lab.watch(5)
        self.heal(
            begun, lab.signal(victim, signal.SIGCONT), "SIGSTOP", "SIGCONT, all back", [victim])

    def blink(self):
        """A cut too short for anyone to be declared dead, then or when it is over. The link stays up:
        a node that lost its carrier asks for its neighbours' addresses anew, once a second."""
        lab, victim = self.lab, self.count
        begun = lab.network.lose(victim, 100, ways=("ingress", "egress"))
        lab.watch(1.2 - (time.monotonic() - begun))
        lab.network.lose(victim, 0)
        lab.watch(15)
        self.add(f"silence of 1.2 s: {COUNTED}", len(lab.deaths(begun)))
        self.settle()

    def partition(self):
        lab, victim = self.lab, self.count
        begun = lab.network.link(victim, "down")
        self.both_sides(
            begun, victim, "link down, majority knows", "link down, cut off knows")
        lab.watch(self.options.outage - (time.monotonic() - begun))
        self.heal(begun, lab.network.link(victim, "up"), "link down", "link up, all back", [victim])

    def lose(self, name, way):
        """What a node sends comes in at the switch, and what it is sent goes out there."""
        lab, victim = self.lab, self.count
        begun = lab.network.lose(victim, 100, ways=(way,))
        self.both_sides(begun, victim, f"{name} lost, others know", f"{name} lost, it knows")
        lab.watch(self.options.outage - (time.monotonic() - begun))
        self.heal(
            begun, lab.network.lose(victim, 0), f"{name} lost", f"{name} back, all back", [victim])

    def both_sides(self, begun, victim, others_case, own_case):
        lab = self.lab
        others = [node for node in lab.nodes if node != victim]
        seen, noticed = self.time(
            begun, lambda: lab.all_say(others, [victim], "dead"),
            lambda: lab.all_say([victim], others, "dead"))
        self.add(others_case, seen)
        self.add(own_case, noticed)

    def heal(self, begun, healed, fault, case, victims):
        """Until everyone is back, then a while in which nobody may be declared dead.

        Before the heal, only the two sides may take each other for dead."""
        lab = self.lab
        back, = self.time(healed, lambda: lab.all_say(lab.nodes, lab.nodes, "alive"))
        self.add(case, back)
        lab.watch(self.options.watch - (time.monotonic() - healed))

        def expected(event):
            return event.at < healed and (event.subject in victims) != (event.observer in victims)

        self.add(f"{fault}: {COUNTED}", len(lab.deaths(begun, expected)))
        self.settle()

    def load(self):
        """Deaths while every core spins and every node's sending loses 5 %."""
        lab = self.lab
        spinners = [
            subprocess.Popen([sys.executable, "-c", "while True: pass"])
            for _ in range(os.cpu_count() or 1)]
        try:
            for node in lab.nodes:
                lab.network.lose(node, 5)
            begun = time.monotonic()
            lab.watch(self.options.minutes * 60)
        finally:
            for spinner in spinners:
                spinner.kill()
                spinner.wait()
        self.add(f"load and 5 % loss: {COUNTED}", len(lab.deaths(begun)))


def report(results, systems, options):
    """The table, and whether glm-agent was measured by all its targets and keeps them."""
    for system in systems:
        print(f"{system.name}: " + "\n    ".join(system.configuration()))
    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    print(f"{os.cpu_count()} cores, Linux {os.uname().release}, load now {load}; every figure is "
          "median / p90 / worst (n)")
    if "load" in options.cases:
        print(f"load lasted {options.minutes:g} minutes")
    names = [system.name for system in systems]
    print(f"\n{'NODES':>5}  {'CASE':44}" + "".join(f"{name:>28}" for name in names) + "  TARGET")
    kept = True
    for count in options.sizes:
        bars = {case: bar for asked in options.cases for case, bar in targets(asked, count).items()}
        for case, bar in bars.items():
            by_system = results.samples.get((count, case), {})
            cells = "".join(f"{cell(by_system.get(name)):>28}" for name in names)
            own = by_system.get(Ours.name)
            verdict = "none" if COUNTED in case else f"< {bar:g} s"
            if Ours.name in names and (not own or max(own) >= bar):
                verdict += " MISSED" if own else " MISSED, as it was not measured"
                kept = False
            print(f"{count:5}  {case:44}{cells}  {verdict}")
    return kept


def cell(values):
    if not values:
        return "-"
    ordered = sorted(values)
    p90 = ordered[math.ceil(0.9 * len(ordered)) - 1]
    shown = [
        "never" if math.isinf(value) else f"{value:g}" if isinstance(value, int) else f"{value:.2f}"
        for value in (statistics.median_high(ordered), p90, ordered[-1])]
    return f"{' / '.join(shown)} ({len(values)})"


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=".build/release/glm-agent", help="our binary")
    parser.add_argument("--serf", default=shutil.which("serf"), help="Serf's binary")
    parser.add_argument("--systems", default="ours,serf", help="of ours, serf, serf-local")
    parser.add_argument("--cases", default="crash,faults", help="of crash, faults, load")
    parser.add_argument("--nodes", default="4", help="sizes, 2 to 16")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=2, help="how long load lasts")
    parser.add_argument("--cap", type=float, default=30, help="seconds until a time is given up")
    parser.add_argument("--outage", type=float, default=25, help="seconds from a cut to its heal")
    parser.add_argument("--watch", type=float, default=60, help="seconds of counting after a heal")
    parser.add_argument("--settle", type=float, default=3, help="seconds of rest between faults")
    parser.add_argument("--json", metavar="FILE", help="every sample, for other programs")
    parser.add_argument("--keep", metavar="DIRECTORY", help="keep the agents' logs there")
    options = parser.parse_args()
    options.cases = options.cases.split(",")
    options.sizes = [int(size) for size in options.nodes.split(",")]
    if not set(options.cases) <= {"crash", "faults", "load"}:
        parser.error("--cases takes crash, faults, load")
    if not all(2 <= size <= 16 for size in options.sizes):
        parser.error("--nodes takes sizes from 2 to 16")
    return options


def make_systems(options):
    makers = {
        "ours": lambda: Ours(os.path.abspath(options.program)),
        "serf": lambda: Serf(options.serf, "lan"),
        "serf-local": lambda: Serf(options.serf, "local"),
    }
    names = options.systems.split(",")
    if not set(names) <= set(makers):
        raise LabError(f"--systems takes {', '.join(makers)}")
    systems = [makers[name]() for name in names]
    for system in systems:
        if not system.program or not os.access(system.program, os.X_OK):
            raise LabError(f"{system.name}: there is no program {system.program}; see --help")
    return systems


def trials(options, systems, results):
    for repetition in range(options.repetitions):
        for count in options.sizes:
            for case in options.cases:
                if case == "load" and repetition > 0:
                    continue
                for system in systems:
                    begin = f"{system.name}, {count} nodes, {case}"
                    print(f"{repetition + 1}/{options.repetitions} {begin}", file=sys.stderr)
                    with tempfile.TemporaryDirectory(prefix="glm-detection-") as directory:
                        with Lab(system, count, directory) as lab:
                            trial = Trial(lab, results, options)
                            if trial.form():
                                getattr(trial, case)()
                        if options.keep:
                            target = f"{options.keep}/{begin.replace(', ', '-')}-{repetition + 1}"
                            shutil.copytree(
                                directory, target, dirs_exist_ok=True,
                                ignore=lambda _, names: [
                                    name for name in names if not name.endswith(".log")])


def main():
    options = arguments()
    if os.geteuid() != 0:
        sys.exit("this needs root: it makes network namespaces; run it with sudo")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    results = Results()
    try:
        systems = make_systems(options)
        trials(options, systems, results)
    except LabError as error:
        # Most may be measured when one trial fails.
        if not results.samples:
            sys.exit(f"detection: {error}")
        print(f"detection: {error}; what there is:", file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted; what there is:", file=sys.stderr)
    kept = report(results, systems, options)
    if options.json:
        records = [
            {"nodes": count, "case": case, "system": system,
             "samples": [None if math.isinf(value) else value for value in values]}
            for (count, case), by_system in results.samples.items()
            for system, values in by_system.items()]
        with open(options.json, "w") as file:
            json.dump(records, file, indent=1)
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
