"""A cluster of real agents, each in a network namespace of its own, and what their logs say of each other.

Times are CLOCK_MONOTONIC at the moment this process reads a line.
"""

import os
import pathlib
import re
import selectors
import subprocess
import sys
import time
from typing import NamedTuple

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "Namespaces"))
from network import LabError, Network  # noqa: E402,F401  (its users catch LabError)

NETWORK = "10.213.77"


class Event(NamedTuple):
    """One line of one agent's log: who says what of whom, and when it was read."""

    at: float
    observer: int
    subject: int
    state: str


class System:
    """How one kind of agent is started and understood."""

    name = ""

    def prepare(self, directory, count):
        """Writes the files that the nodes start from."""

    def command(self, directory, node):
        raise NotImplementedError

    def parse(self, line):
        """(subject, state) of a log line, or None."""
        raise NotImplementedError

    def configuration(self):
        """What the times depend on, as lines of text."""
        raise NotImplementedError


class Ours(System):
    name = "glm-agent"
    LINE = re.compile(r"\bnode-(\d+) is (alive|dead|left)$")
    # Its group ends at once and for good, since there is nothing that it could start: what is
    # measured is the agents alone.
    PROFILE = "glm-5.1-w4a8-16p-in3k5-out1k5-50ms"

    def __init__(self, program):
        self.program = program

    def prepare(self, directory, count):
        nodes = "".join(
            f"  - {{name: node-{n}, address: {address(n)}}}\n" for n in range(1, count + 1))
        for node in range(1, count + 1):
            home = directory / f"node-{node}"
            home.mkdir()
            secret = home / "secret"
            secret.write_text("0123456789abcdef" * 4)
            secret.chmod(0o600)
            (home / "agent.yaml").write_text(
                f"cluster: detection\nnodes:\n{nodes}node: node-{node}\nsecret_file: secret\n"
                f"state_directory: state\ncontrol_socket: agent.sock\nhttp_listen: off\n"
                f"interface: eth0\nprofile: {self.PROFILE}\nmodel_path: /nonexistent\n"
                f"host_tuning: off\nengine: {{command: [/bin/false]}}\n"
                f"timing: {{restart_budget: 1}}\n")

    def command(self, directory, node):
        return [self.program, "run", "--config", str(directory / f"node-{node}" / "agent.yaml")]

    def parse(self, line):
        match = self.LINE.search(line)
        return (int(match[1]), match[2]) if match else None

    def configuration(self):
        source = pathlib.Path(__file__).parents[2] / "Sources/Membership/SwimConfiguration.swift"
        values = re.findall(r"public var (\w+)(?:: Duration)? = (.+)", source.read_text())
        short = "; ".join(f"{name} {value.lstrip('.')}" for name, value in values)
        version = subprocess.run([self.program, "version"], capture_output=True, text=True)
        return [
            f"{self.program} ({version.stdout.strip()}), defaults, TLS 1.3 over TCP",
            f"SwimConfiguration: {short}",
        ]


class Serf(System):
    LINE = re.compile(r"serf: EventMember(Join|Failed|Leave|Reap|Update): node-(\d+) ")
    STATES = {"Join": "alive", "Failed": "dead", "Leave": "left"}
    # What memberlist documents for its profiles.
    PROFILES = {
        "lan": "probe 1 s, timeout 500 ms, 3 indirect, suspicion x4, push-pull 30 s, gossip 200 ms x3",
        "local": "probe 1 s, timeout 200 ms, 1 indirect, suspicion x3, push-pull 15 s, gossip 100 ms x3",
    }

    def __init__(self, program, profile):
        self.program = program
        self.profile = profile
        self.name = "serf" if profile == "lan" else f"serf {profile}"

    def command(self, directory, node):
        # Joining oneself counts as a success, so everyone joins the first, and the first nobody.
        join = [] if node == 1 else [f"-retry-join={address(1)}", "-retry-interval=1s"]
        return [
            self.program, "agent", f"-node=node-{node}", f"-bind={address(node)}:7946",
            "-rpc-addr=127.0.0.1:7373", f"-profile={self.profile}", "-log-level=info", *join]

    def parse(self, line):
        match = self.LINE.search(line)
        if not match or match[1] not in self.STATES:
            return None
        return int(match[2]), self.STATES[match[1]]

    def configuration(self):
        version = subprocess.run([self.program, "version"], capture_output=True, text=True)
        return [
            f"{self.program} {version.stdout.split()[0]}, -profile={self.profile}, "
            "-retry-join=node-1 -retry-interval=1s, no encryption, UDP and TCP",
            self.PROFILES[self.profile],
        ]


def address(node):
    return f"{NETWORK}.{node}"


class Lab:
    """A running cluster. Use it in `with`: nothing of it is left afterwards."""

    def __init__(self, system, count, directory):
        self.system = system
        self.network = Network("glm-detection", NETWORK, count)
        self.nodes = self.network.nodes
        self.directory = pathlib.Path(directory)
        self.events = []
        self.beliefs = {}
        self._processes = {}
        self._partial = {}
        self._selector = selectors.DefaultSelector()

    def __enter__(self):
        self.network.__enter__()
        try:
            self.system.prepare(self.directory, len(self.nodes))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.network.__exit__()
        for process in self._processes.values():
            process.wait()
            process.stdout.close()
        self._selector.close()

    # The agents

    def start(self, node):
        process = subprocess.Popen(
            self.network.inside(node, *self.system.command(self.directory, node)),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.set_blocking(process.stdout.fileno(), False)
        self._processes[node] = process
        self._partial[node] = b""
        self.beliefs[node] = {}
        self._selector.register(process.stdout, selectors.EVENT_READ, node)

    def signal(self, node, number):
        """Sends a signal to an agent. The time when kill(2) had returned."""
        os.kill(self._processes[node].pid, number)
        return time.monotonic()

    # What they say

    def watch(self, seconds, until=lambda: False):
        """Reads logs until the condition holds (True) or the time is over (False)."""
        end = time.monotonic() + seconds
        while not until():
            left = end - time.monotonic()
            if left <= 0:
                return False
            for key, _ in self._selector.select(left):
                self._read(key)
        return True

    def _read(self, key):
        now = time.monotonic()
        node = key.data
        chunk = key.fileobj.read(1 << 16)
        if not chunk:
            self._selector.unregister(key.fileobj)
            return
        *lines, self._partial[node] = (self._partial[node] + chunk).split(b"\n")
        with open(self.directory / f"node-{node}.log", "ab") as log:
            for line in lines:
                log.write(b"%.3f %s\n" % (now, line))
        for line in lines:
            parsed = self.system.parse(line.decode(errors="replace"))
            if parsed and parsed[0] != node:
                self.events.append(Event(now, node, *parsed))
                self.beliefs[node][parsed[0]] = parsed[1]

    def all_say(self, observers, subjects, state):
        return all(
            self.beliefs[observer].get(subject) == state
            for observer in observers for subject in subjects if observer != subject)

    def deaths(self, since, expected=lambda event: False):
        return [
            event for event in self.events
            if event.state == "dead" and event.at >= since and not expected(event)]
