"""What was seen of a cluster under faults, and what must be true of it.

The recorder writes down everything an outsider can see: what every agent says, which engine processes
exist, what a client got. The invariants at the end are sentences about that record. Each looks at one thing
after the other and yields, for each, what is wrong with it as text, or None: so it is known how much was
looked at, and an invariant that saw nothing does not pass for one that held. What must be true of the ledger of
restarts is in `ledger.py`.
"""

import bisect
import collections
import itertools
from typing import NamedTuple

from ledger import RestartLedger


class Round(NamedTuple):
    """One fault, or two at once, from a steady cluster to a steady cluster."""

    fault: str
    begun: float
    steady: float
    # Groups whose engines the fault may end; all others must be untouched.
    may_disturb: frozenset
    # Whether a request may fail in it.
    may_fail: bool
    # The engines' processes before and after.
    before: frozenset
    after: frozenset
    # The kinds of its faults.
    kinds: tuple = ()
    # The restarts that the ledger had new after it: (group, ended generation).
    restarts: tuple = ()
    # What the ledger may give as their cause, and whether an operator has asked for them.
    causes: frozenset = frozenset()
    ordered: bool = False
    # The shard that alone was struck so that its group must restart, as (group, node, rank), and
    # whether the ledger must name it as the first.
    struck: tuple = None
    names: bool = False
    # Whether the ledger's times are all by one clock that nobody has set.
    one_clock: bool = False


class Request(NamedTuple):
    begun: float
    ended: float
    text: str
    error: str


class Comparison:
    """Things that must be told alike by all who tell them."""

    def __init__(self):
        self.known = {}
        self._compared = 0
        self._differing = []

    def saw(self, key, value, teller):
        known = self.known.setdefault(key, value)
        self._compared += 1
        if known != value:
            self._differing.append(f"{key}: {known}, but {teller} has {value}")

    def __iter__(self):
        yield from self._differing
        yield from itertools.repeat(None, self._compared - len(self._differing))


class History:
    def __init__(self):
        self.rounds = []
        # In the order of time.
        self.requests = []
        self.scans = []
        self.leaders = collections.defaultdict(set)
        self.plans = Comparison()
        self.events = Comparison()
        self.restarts = RestartLedger()

    # What was seen

    def saw_status(self, status):
        if status["leader"]:
            self.leaders[status["term"]].add(status["leader"])
        for group in [*status.get("groups", ()), *filter(None, [status.get("router")])]:
            self.restarts.saw_generation(group.get("name", "router"), group["generation"])

    def saw_plan(self, node, plan):
        """Agents say more for people about the same plan; who holds what must be the same."""
        if plan["epoch"] == 0:
            return
        agreed = [(group["name"], group["url"], group["bootstrap"], group["store"],
                   tuple((rank["rank"], rank["node"], rank["address"]) for rank in group["ranks"]))
                  for group in plan["groups"]]
        self.plans.saw(plan["epoch"], agreed, node)

    def saw_events(self, node, events):
        for event in events:
            self.events.saw(event["sequence"], event, node)
            if event["kind"] == "launched":
                self.restarts.saw_generation(event["group"], event["generation"])

    def saw_engines(self, at, engines):
        self.scans.append((at, engines))
        for engine in engines:
            self.restarts.saw_generation(engine.group, engine.generation)

    def saw_restarts(self, node, records):
        """The restarts that nobody had told of before, as (group, ended generation)."""
        return self.restarts.saw(node, records)

    # What must be true

    def checks(self):
        """Every sentence, how many things were looked at, and what is wrong with some."""
        invariants = (
            self.no_term_has_two_leaders, self.no_epoch_has_two_plans,
            self.all_agents_have_the_same_ledger, self.generations_rise,
            self.no_rank_of_a_generation_runs_twice, self.no_node_runs_two_generations_of_a_group,
            self.a_fault_restarts_no_other_group, self.nothing_restarts_between_faults,
            self.a_lost_agent_costs_no_request, self.every_answer_is_that_of_the_placement)
        for invariant in invariants:
            found = list(invariant())
            yield sentence(invariant), len(found), [text for text in found if text]
        for invariant in self.restarts.invariants:
            found = list(invariant(self))
            yield sentence(invariant), len(found), [text for text in found if text]

    def violations(self):
        """Every sentence that does not hold, with what breaks it."""
        return [f"{name}: {text}" for name, _, broken in self.checks() for text in broken]

    def no_term_has_two_leaders(self):
        for term, leaders in sorted(self.leaders.items()):
            yield f"term {term}: {', '.join(sorted(leaders))}" if len(leaders) > 1 else None

    def no_epoch_has_two_plans(self):
        yield from self.plans

    def all_agents_have_the_same_ledger(self):
        yield from self.events

    def generations_rise(self):
        """Each launch of a group is of a newer generation, and follows the end of the one before."""
        running = {}
        for _, event in sorted(self.events.known.items()):
            group, generation = event["group"], event["generation"]
            if event["kind"] == "launched":
                before = running.get(group)
                if before is not None and generation <= before[0]:
                    yield f"{group}: {generation} was launched after {before[0]}"
                elif before is not None and not before[1]:
                    yield f"{group}: {generation} was launched before {before[0]} had ended"
                else:
                    yield None
                running[group] = (generation, False)
            elif event["kind"] in ("ended", "failed", "restarted") and group in running:
                running[group] = (running[group][0], True)

    def no_rank_of_a_generation_runs_twice(self):
        for _, engines in self.scans:
            holders = collections.defaultdict(set)
            for engine in engines:
                holders[engine.shard].add(engine.node)
            for shard, nodes in holders.items():
                yield f"{shard} on nodes {sorted(nodes)}" if len(nodes) > 1 else None

    def no_node_runs_two_generations_of_a_group(self):
        for _, engines in self.scans:
            generations = collections.defaultdict(set)
            for engine in engines:
                generations[engine.node, engine.group].add(engine.generation)
            for (node, group), several in generations.items():
                yield f"node {node}: {group} {sorted(several)}" if len(several) > 1 else None

    def a_fault_restarts_no_other_group(self):
        for round in self.rounds:
            for engine in sorted(round.before):
                if engine.group not in round.may_disturb:
                    yield (None if engine in round.after
                           else f"{round.fault}: {engine.shard} on node {engine.node} "
                                f"(pid {engine.pid}) is gone")

    def nothing_restarts_between_faults(self):
        for before, after in itertools.pairwise(self.rounds):
            gone = before.after - after.before
            yield f"after {before.fault}: {sorted(gone)} are gone" if gone else None

    def a_lost_agent_costs_no_request(self):
        """Faults that leave engines, router and their network alone are not noticed by clients."""
        for round in self.rounds:
            if not round.may_fail:
                for request in self._begun_in(round):
                    if request.ended <= round.steady:
                        yield request.error and f"{round.fault}: {request.error}"

    def every_answer_is_that_of_the_placement(self):
        """The rehearsal's answer depends on every rank's address: one placement has one answer for
        each of its prefill groups."""
        answers = collections.defaultdict(set)
        for request in self.requests:
            placement = self._placement(request.begun, request.ended)
            if request.text and placement:
                answers[placement].add(request.text)
        for placement, texts in answers.items():
            prefills = {name.split()[0] for name, _ in placement if name.startswith("prefill")}
            yield (f"{sorted(texts)} from {placement}" if len(texts) > max(1, len(prefills))
                   else None)

    def _begun_in(self, round):
        first = bisect.bisect_left(self.requests, round.begun, key=lambda request: request.begun)
        last = bisect.bisect_right(self.requests, round.steady, key=lambda request: request.begun)
        return self.requests[first:last]

    def _placement(self, begun, ended):
        """Which node ran which shard, where that did not change meanwhile, and where no node that was
        cut off still had a shard of an older generation; else None."""
        first = bisect.bisect_left(self.scans, begun - 1, key=lambda scan: scan[0])
        last = bisect.bisect_right(self.scans, ended + 1, key=lambda scan: scan[0])
        placements = {
            tuple(sorted({(f"{engine.group} {engine.shard.rpartition('.')[2]}", engine.node)
                          for engine in engines if engine.group != "router"}))
            for _, engines in self.scans[first:last]}
        placement = placements.pop() if len(placements) == 1 else ()
        return placement if len(dict(placement)) == len(placement) else None

    # What it was like

    def outage(self, round):
        """How many requests failed, and the longest time without an answer, in seconds."""
        failed, times = 0, [round.begun]
        for request in self._begun_in(round):
            failed += bool(request.error)
            if not request.error and request.ended <= round.steady:
                times.append(request.ended)
        return failed, max(b - a for a, b in itertools.pairwise([*times, round.steady]))


def sentence(invariant):
    return invariant.__name__.replace("_", " ")
