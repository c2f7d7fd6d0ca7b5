"""What was seen of a cluster under faults, and what must be true of it.

The recorder writes down everything an outsider can see: what every agent says, which engine processes
exist, what a client got. The invariants at the end are sentences about that record; each returns what
breaks it, as text, and an empty list where it holds.
"""

import collections
import itertools
from typing import NamedTuple


class Round(NamedTuple):
    """One fault, from a steady cluster to a steady cluster."""

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


class Request(NamedTuple):
    begun: float
    ended: float
    text: str
    error: str


class History:
    def __init__(self):
        self.rounds = []
        self.requests = []
        self.leaders = collections.defaultdict(set)
        self.plans = {}
        self.differing_plans = []
        self.ledger = {}
        self.differing_events = []
        self.scans = []

    # What was seen

    def saw_status(self, status):
        if status["leader"]:
            self.leaders[status["term"]].add(status["leader"])

    def saw_plan(self, node, plan):
        """Agents say more for people about the same plan; who holds what must be the same."""
        if plan["epoch"] == 0:
            return
        agreed = [(group["name"], group["url"], group["bootstrap"], group["store"],
                   tuple((rank["rank"], rank["node"], rank["address"]) for rank in group["ranks"]))
                  for group in plan["groups"]]
        known = self.plans.setdefault(plan["epoch"], agreed)
        if known != agreed:
            self.differing_plans.append(f"epoch {plan['epoch']}: {known}, but {node} has {agreed}")

    def saw_events(self, node, events):
        for event in events:
            known = self.ledger.setdefault(event["sequence"], event)
            if known != event:
                self.differing_events.append(f"{known}, but {node} has {event}")

    def saw_engines(self, at, engines):
        self.scans.append((at, engines))

    # What must be true

    def violations(self):
        """Every sentence that does not hold, with what breaks it."""
        found = []
        for invariant in (
                self.no_term_has_two_leaders, self.no_epoch_has_two_plans,
                self.all_agents_have_the_same_ledger, self.generations_rise,
                self.no_rank_of_a_generation_runs_twice, self.no_node_runs_two_generations_of_a_group,
                self.a_fault_restarts_no_other_group, self.a_lost_agent_costs_no_request,
                self.every_answer_is_that_of_the_placement):
            found += [f"{invariant.__name__.replace('_', ' ')}: {text}" for text in invariant()]
        return found

    def no_term_has_two_leaders(self):
        return [f"term {term}: {', '.join(sorted(leaders))}"
                for term, leaders in sorted(self.leaders.items()) if len(leaders) > 1]

    def no_epoch_has_two_plans(self):
        return self.differing_plans

    def all_agents_have_the_same_ledger(self):
        return self.differing_events

    def generations_rise(self):
        """Each launch of a group is of a newer generation, and follows the end of the one before."""
        found = []
        running = {}
        for _, event in sorted(self.ledger.items()):
            group, generation = event["group"], event["generation"]
            if event["kind"] == "launched":
                before = running.get(group)
                if before is not None and generation <= before[0]:
                    found.append(f"{group}: {generation} was launched after {before[0]}")
                if before is not None and not before[1]:
                    found.append(f"{group}: {generation} was launched before {before[0]} had ended")
                running[group] = (generation, False)
            elif event["kind"] in ("ended", "failed") and group in running:
                running[group] = (running[group][0], True)
        return found

    def no_rank_of_a_generation_runs_twice(self):
        found = set()
        for _, engines in self.scans:
            holders = collections.defaultdict(set)
            for engine in engines:
                holders[engine.shard].add(engine.node)
            found |= {f"{shard} on nodes {sorted(nodes)}"
                      for shard, nodes in holders.items() if len(nodes) > 1}
        return sorted(found)

    def no_node_runs_two_generations_of_a_group(self):
        found = set()
        for _, engines in self.scans:
            generations = collections.defaultdict(set)
            for engine in engines:
                generations[engine.node, engine.group].add(engine.generation)
            found |= {f"node {node}: {group} {sorted(several)}"
                      for (node, group), several in generations.items() if len(several) > 1}
        return sorted(found)

    def a_fault_restarts_no_other_group(self):
        found = []
        for round in self.rounds:
            for engine in sorted(round.before - round.after):
                if engine.group not in round.may_disturb:
                    found.append(f"{round.fault}: {engine.shard} on node {engine.node} "
                                 f"(pid {engine.pid}) is gone")
        return found

    def a_lost_agent_costs_no_request(self):
        """Faults that leave engines, router and their network alone are not noticed by clients."""
        return [f"{round.fault}: {request.error}"
                for round in self.rounds if not round.may_fail
                for request in self.requests
                if request.error and round.begun <= request.begun and request.ended <= round.steady]

    def every_answer_is_that_of_the_placement(self):
        """The rehearsal's answer depends on every rank's address: one placement has one answer for
        each of its prefill groups."""
        answers = collections.defaultdict(set)
        for request in self.requests:
            placement = self._placement(request.begun, request.ended)
            if request.text and placement:
                answers[placement].add(request.text)
        return [f"{sorted(texts)} from {placement}"
                for placement, texts in answers.items()
                if len(texts) > max(1, len({name.split()[0] for name, _ in placement
                                            if name.startswith("prefill")}))]

    def _placement(self, begun, ended):
        """Which node ran which shard, where that did not change meanwhile; else None."""
        around = [engines for at, engines in self.scans if begun - 1 <= at <= ended + 1]
        placements = {
            tuple(sorted({(f"{engine.group} {engine.shard.rpartition('.')[2]}", engine.node)
                          for engine in engines if engine.group != "router"}))
            for engines in around}
        return placements.pop() if len(placements) == 1 else None

    # What it was like

    def outages(self):
        """Per round, how many requests failed, and the longest time without an answer, in seconds."""
        answered = sorted(request.ended for request in self.requests if not request.error)
        for round in self.rounds:
            failed = sum(1 for request in self.requests
                         if request.error and round.begun <= request.begun <= round.steady)
            times = [round.begun, *(at for at in answered if round.begun <= at <= round.steady),
                     round.steady]
            yield round, failed, max(b - a for a, b in itertools.pairwise(times))
