"""What is read from a running cluster while faults happen to it, and when it counts as steady again."""

import json
import threading
import time

from cluster import LabError, wait_until
from faults import AgentEnded
from history import History, Request

RECOVERY_SECONDS = 120
# How long all agents may need to have the same ledger once all is steady.
AGREEMENT_SECONDS = 10
STEADY_ANSWERS = 5
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
        def ledgers():
            return [self.cluster.restarts(node) for node in self.cluster.nodes]
        if not wait_until(AGREEMENT_SECONDS,
                          lambda: (all_of := ledgers())[0] is not None
                          and all(one == all_of[0] for one in all_of)):
            self.history.restarts.saw_disagreement(
                f"agents have different ledgers of restarts: {ledgers()}")
        new = []
        for node in self.cluster.nodes:
            name = self.cluster.name(node)
            if (plan := self.cluster.plan(node)):
                self.history.saw_plan(name, plan)
            if (events := self.cluster.events(node)) is not None:
                self.history.saw_events(name, events)
            if (restarts := self.cluster.restarts(node)) is not None:
                new += self.history.saw_restarts(name, restarts)
        return new

    # Waiting

    def is_steady(self):
        """Every agent says ready, of the same plan, and that all are alive, vote and take ranks;
        one generation of each group runs."""
        statuses = [self.cluster.status(node) for node in self.cluster.nodes]
        if not all(status and status["ready"] and status["quorum"]["ok"]
                   and self.are_whole(status["members"])
                   for status in statuses):
            return False
        if len({status["epoch"] for status in statuses}) > 1:
            return False
        current = {group["name"]: group["generation"] for group in statuses[0]["groups"]}
        return all(engine.generation == current.get(engine.group, engine.generation)
                   for engine in self.cluster.engines())

    def are_whole(self, members):
        voters = sum(member["role"] == "voter" for member in members)
        return (len(members) == len(self.cluster.nodes)
                and voters == min(len(members), MOST_VOTERS)
                and all(member["state"] == "alive" and member["cordon"] is None
                        for member in members))

    def wait_steady(self, seconds):
        def is_steady():
            self.no_agent_has_ended()
            return self.is_steady()
        if not wait_until(seconds, is_steady, 0.3):
            return False
        since = time.monotonic()

        def is_answered():
            last = self.read_requests()[-STEADY_ANSWERS:]
            return (len(last) == STEADY_ANSWERS
                    and all(request.begun > since and not request.error for request in last))
        return wait_until(seconds, is_answered, 0.3)

    def why_not_steady(self):
        try:
            if self.wait_steady(RECOVERY_SECONDS):
                return None
        except AgentEnded as error:
            return str(error)
        return f"the cluster was not steady again after {RECOVERY_SECONDS} s"

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
