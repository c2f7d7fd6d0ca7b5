"""What is read from a running cluster while faults happen to it, and when it counts as steady again."""

import json
import threading
import time

from cluster import LabError, wait_until
from faults import AgentEnded
from history import History, Request

# How long all agents may need to have the same ledger once all is steady.
AGREEMENT_SECONDS = 10
STEADY_ANSWERS, ANSWER_SECONDS = 5, 3
MOST_VOTERS = 5


class Watch:
    def __init__(self, cluster):
        self.cluster = cluster
        self.history = History()
        self.stopped = threading.Event()
        self.router_file = cluster.directory / "router"
        self.results = cluster.directory / "requests"
        self._results_read = 0
        # The nodes that something happens to.
        self.struck = set()
        # What drills have reported of restarts.
        self.drilled = []

    # Watching

    def observe(self):
        """Writes down what can be seen, twice a second, until `stopped`."""
        while not self.stopped.wait(0.5):
            self.history.saw_engines(time.monotonic(), self.cluster.engines())
            best = None
            for node in self.cluster.nodes:
                status = self.cluster.status(node)
                if status is None:
                    continue
                self.history.saw_status(status)
                if (status["epoch"] not in self.history.plans.known
                        and (plan := self.cluster.plan(node))):
                    self.history.saw_plan(self.cluster.name(node), plan)
                if status["quorum"]["ok"] and status["router"]:
                    best = status["router"]["url"]
            if best:
                self.router_file.write_text(best)

    def read_requests(self):
        """With what is new; a line that is not whole yet comes the next time."""
        if self.results.exists():
            with open(self.results, "rb") as file:
                file.seek(self._results_read)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self._results_read += len(line)
                    self.history.requests.append(Request(**json.loads(line)))
        return self.history.requests

    def compare_agents(self):
        """Reads what every agent has of plan and ledgers; the restarts that are new."""
        ledgers = []

        def are_whole():
            ledgers[:] = [self.cluster.restarts(node) for node in self.cluster.nodes]
            if ledgers[0] is None or any(ledger != ledgers[0] for ledger in ledgers):
                return False
            last = {record["group"]: record for record in ledgers[0]}
            return all(record["ready_at"] for record in last.values())
        if not wait_until(AGREEMENT_SECONDS, are_whole):
            self.history.restarts.saw_disagreement(
                "all serves, and the ledgers of restarts differ or tell of one that goes on: "
                f"{[ledger and ledger[-3:] for ledger in ledgers]}")
        new = []
        for node in self.cluster.nodes:
            name = self.cluster.name(node)
            if (plan := self.cluster.plan(node)):
                self.history.saw_plan(name, plan)
            if (events := self.cluster.events(node)) is not None:
                self.history.saw_events(name, events)
            if (restarts := self.cluster.restarts(node)) is not None:
                new += self.history.saw_restarts(name, restarts)
        self.history.saw_restarts("a drill", self.drilled)
        self.drilled = []
        return new

    # Waiting

    def unsteady(self):
        """Why the cluster is not whole, for people; None where every agent says ready, of the same
        plan, and that all are alive, vote and take ranks, and one generation of each group runs."""
        statuses = {node: self.cluster.status(node) for node in self.cluster.nodes}
        for node, status in statuses.items():
            if not status:
                return f"the agent of node {node} does not answer"
            if not status["ready"] or not status["quorum"]["ok"]:
                return f"node {node}: {'; '.join(status['reasons'][:2]) or 'no quorum'}"
            if odd := self.odd_members(status["members"]):
                return f"node {node}: {odd}"
        if len({status["epoch"] for status in statuses.values()}) > 1:
            return "agents have different plans"
        current = {group["name"]: group["generation"] for group in statuses[1]["groups"]}
        old = [engine.shard for engine in self.cluster.engines()
               if engine.generation != current.get(engine.group, engine.generation)]
        return f"there is still {old[0]}" if old else None

    def odd_members(self, members):
        voters = sum(member["role"] == "voter" for member in members)
        if len(members) != len(self.cluster.nodes) or voters < min(len(members), MOST_VOTERS):
            return f"{len(members)} members, {voters} of them vote"
        return next((f"{member['node']} is {member['cordon'] or member['state']}"
                     for member in members if member["state"] != "alive" or member["cordon"]), None)

    def unanswered(self, since):
        last = self.read_requests()[-STEADY_ANSWERS:]
        if len(last) < STEADY_ANSWERS or last[0].begun < since:
            return "too few requests were answered since"
        return next((f"a request failed: {request.error}" for request in last if request.error),
                    None)

    def wait_steady(self, seconds):
        """Whether it became so in time, and what it waited for last."""
        waited_for = None

        def holds(question, *arguments):
            nonlocal waited_for
            self.no_agent_has_ended()
            answer = question(*arguments)
            waited_for = answer or waited_for
            return answer is None

        def is_steady():
            if not holds(self.unsteady):
                return False
            since = time.monotonic()
            # What was steady may not have noticed yet what was done to it.
            return (wait_until(ANSWER_SECONDS, lambda: self.unanswered(since) is None)
                    or holds(self.unanswered, since)) and holds(self.unsteady)
        return wait_until(seconds, is_steady, 0.3), waited_for

    def no_agent_has_ended(self):
        """None gives up by itself while all of them should run."""
        for node in self.cluster.nodes:
            if (status := self.cluster.agent_has_ended(node)) is not None:
                last = self.cluster.log(node, 0).splitlines()[-5:]
                raise AgentEnded(f"the agent of node {node} ended ({status}): {' / '.join(last)}")

    # What faults ask for

    def bystander(self):
        """A node that nothing happens to just now; any, where it happens to all."""
        return next((node for node in self.cluster.nodes if node not in self.struck), 1)

    def plan(self):
        return next(filter(None, map(self.cluster.plan, self.cluster.nodes)))

    def member(self, node):
        """What a bystander's status has of the node; None where it has nothing."""
        status = self.cluster.status(self.bystander())
        return next((member for member in status["members"]
                     if member["node"] == self.cluster.name(node)), None) if status else None

    def leader(self):
        for node in self.cluster.nodes:
            status = self.cluster.status(node)
            if status and status["leader"]:
                return self.cluster.node(status["leader"])
        raise LabError("a steady cluster has no leader")

    def term(self):
        return max(status["term"] for status in map(self.cluster.status, self.cluster.nodes)
                   if status)
