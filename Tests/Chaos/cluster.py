"""A cluster of the real program with rehearsal engines, each node in a network namespace of its own.

Each node's state lies on a small tmpfs of its own, so that a disk can be full without anyone else's
being so. `Cluster` starts and breaks things and asks agents; it judges nothing.
"""

import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
from typing import NamedTuple

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "Namespaces"))
from network import LabError, Network, run  # noqa: E402,F401

SUBNET = "10.213.78"
STATE_BYTES = 24 << 20
# Debian's `faketime`: another clock for one process and its children.
FAKETIME = next(map(str, pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)

# Times are short, since nothing real is loaded; everything else is as an operator has it.
CONFIGURATION = """\
cluster: chaos
nodes:
{nodes}node: {name}
secret_file: secret
state_directory: state
control_socket: agent.sock
http_listen: off
interface: eth0
engine: rehearsal
profile: {profile}
model_path: /nonexistent/weights
host_tuning: off
timing: {{load_limit: 60s, stop_grace: 3s, stable_view: 3s, backoff_initial: 300ms,
  backoff_limit: 2s, plan_grace: 10s, unresponsive_after: 5s, restart_budget: 1000}}
overrides:
  router: {{host: "{address}"}}
  environment: {{GLM_REHEARSAL_LOAD_SECONDS: "0.5", GLM_REHEARSAL_WARMUP_SECONDS: "0.1",
    SGLANG_HEALTH_CHECK_TIMEOUT: "2"}}
"""


class Engine(NamedTuple):
    """A process that was started for a shard, by what its environment says."""

    pid: int
    node: int
    group: str
    generation: int
    shard: str


class UnixConnection(http.client.HTTPConnection):
    """HTTP over an agent's control socket."""

    def __init__(self, path, timeout):
        super().__init__("agent", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Cluster:
    """Use it in `with`: nothing of it is left afterwards."""

    def __init__(self, program, profile, count, directory, skews):
        self.network = Network("glm-chaos", SUBNET, count)
        self.nodes = self.network.nodes
        self.directory = pathlib.Path(directory)
        self._program = program
        self._profile = profile
        self._skews = skews
        self._agents = {}
        self._mounts = []

    def name(self, node):
        return f"node-{node}"

    def home(self, node):
        return self.directory / self.name(node)

    def __enter__(self):
        self.network.__enter__()
        try:
            self._prepare()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _prepare(self):
        listed = "".join(
            f"  - {{name: {self.name(n)}, address: {self.network.address(n)}}}\n"
            for n in self.nodes)
        for node in self.nodes:
            state = self.home(node) / "state"
            state.mkdir(parents=True)
            run("mount", "-t", "tmpfs", "-o", f"size={STATE_BYTES},mode=0700", "chaos", str(state))
            self._mounts.append(state)
            secret = self.home(node) / "secret"
            secret.write_text("0123456789abcdef" * 4)
            secret.chmod(0o600)
            (self.home(node) / "agent.yaml").write_text(CONFIGURATION.format(
                nodes=listed, name=self.name(node), address="{address}", profile=self._profile))

    def __exit__(self, *_):
        self.network.__exit__()
        for process in self._agents.values():
            process.wait()
        for state in self._mounts:
            run("umount", "--lazy", str(state), check=False)

    # Agents

    def start(self, node):
        environment = dict(os.environ)
        if skew := self._skews.get(node):
            environment |= {"LD_PRELOAD": FAKETIME, "FAKETIME": f"{skew:+d}s",
                            "DONT_FAKE_MONOTONIC": "1"}
        with open(self.directory / f"{self.name(node)}.log", "ab") as log:
            self._agents[node] = subprocess.Popen(
                self.network.inside(node, self._program, "run", "--config",
                                    str(self.home(node) / "agent.yaml")),
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment)

    def signal_agent(self, node, number):
        """To the agent alone; its shims and engines go on."""
        self._agents[node].send_signal(number)
        if number == signal.SIGKILL:
            self._agents[node].wait()

    def agent_has_ended(self, node):
        """Its exit status; None while it runs."""
        return self._agents[node].poll()

    def power_off(self, node):
        self.network.kill_all(node)
        self._agents[node].wait()

    def signal_node(self, node, number):
        """To everything that runs on the node."""
        for pid in self.network.processes(node):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    # Disks

    def fill_disk(self, node):
        try:
            with open(self.home(node) / "state" / "ballast", "wb") as ballast:
                while ballast.write(bytes(1 << 16)):
                    ballast.flush()
        except OSError:
            pass

    def free_disk(self, node):
        (self.home(node) / "state" / "ballast").unlink(missing_ok=True)

    # Questions

    def ask(self, node, path, timeout=2.0):
        """The answer's document, or None where the agent gives none."""
        connection = UnixConnection(str(self.home(node) / "agent.sock"), timeout)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
            return body.decode() if response.status == 200 else None
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def status(self, node):
        body = self.ask(node, "/v1/status")
        return json.loads(body) if body else None

    def plan(self, node):
        body = self.ask(node, "/v1/plan")
        return json.loads(body) if body else None

    def events(self, node):
        body = self.ask(node, "/v1/events")
        return None if body is None else [json.loads(line) for line in body.splitlines()]

    def engines(self):
        """Every engine process in every node, children of engines included."""
        found = []
        for node in self.nodes:
            for pid in self.network.processes(node):
                try:
                    words = pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
                    state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                except OSError:
                    continue
                values = dict(word.decode(errors="replace").split("=", 1)
                              for word in words if b"=" in word)
                if "GLM_AGENT_SHARD" in values and state[0] not in "ZX":
                    found.append(Engine(
                        pid, node, values["GLM_AGENT_GROUP"],
                        int(values["GLM_AGENT_GENERATION"]), values["GLM_AGENT_SHARD"]))
        return found


def wait_until(seconds, condition, pause=0.1):
    """Whether the condition held within the time; asked again and again."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= end:
            return False
        time.sleep(pause)
    return True
