"""A cluster of the real program with rehearsal engines, each node in a network namespace of its own.

Each node's state lies on a small tmpfs of its own, so that a disk can be full without anyone else's
being so. `Cluster` starts and breaks things and asks agents; it judges nothing.
"""

import errno
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
# How soon a process sees that its faked clock was set.
CLOCK_SECONDS = 1
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

    def node(self, name):
        return int(name.removeprefix("node-"))

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
            self._write_clock(node, 0)
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
        if node in self._skews:
            environment |= {"LD_PRELOAD": FAKETIME, "DONT_FAKE_MONOTONIC": "1",
                            "FAKETIME_TIMESTAMP_FILE": str(self.home(node) / "clock"),
                            "FAKETIME_CACHE_DURATION": str(CLOCK_SECONDS)}
        with open(self._log(node), "ab") as log:
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

    def _log(self, node):
        return self.directory / f"{self.name(node)}.log"

    def log_size(self, node):
        return self._log(node).stat().st_size

    def log(self, node, start):
        """What the agents of the node have told from there on."""
        with open(self._log(node), "rb") as log:
            log.seek(start)
            return log.read().decode(errors="replace")

    # Clocks

    def set_clock(self, node, ahead):
        """So far from what it always was, in seconds; its agent has seen it afterwards."""
        self._write_clock(node, ahead)
        time.sleep(CLOCK_SECONDS + 0.1)

    def _write_clock(self, node, ahead):
        file = self.home(node) / "clock"
        # Whole at any time: it is read whenever somebody asks for the time.
        file.with_suffix(".new").write_text(f"{self._skews.get(node, 0) + ahead:+d}s\n")
        file.with_suffix(".new").rename(file)

    # Disks

    def fill_disk(self, node):
        """To the last page, whatever was written there before."""
        ballast = os.open(self.home(node) / "state" / "ballast",
                          os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            for size in (1 << 16, 1 << 12):
                try:
                    while os.write(ballast, bytes(size)):
                        pass
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
        finally:
            os.close(ballast)

    def free_disk(self, node):
        (self.home(node) / "state" / "ballast").unlink(missing_ok=True)

    def set_disk_writable(self, node, is_writable):
        """Refused by the system as long as anybody there has a file open for writing."""
        run("mount", "-o", f"remount,{'rw' if is_writable else 'ro'}",
            str(self.home(node) / "state"))

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

    def restarts(self, node):
        body = self.ask(node, "/v1/restarts")
        return json.loads(body)["restarts"] if body else None

    # Commands

    def command(self, node, *words, seconds):
        """A command of the program, told to the agent of a node; one that takes longer failed."""
        try:
            return subprocess.run(
                self._command(node, words), stdin=subprocess.DEVNULL, capture_output=True,
                text=True, timeout=seconds)
        except subprocess.TimeoutExpired as error:
            return subprocess.CompletedProcess(error.cmd, -1, "", f"no end after {seconds} s")

    def begin_command(self, node, *words):
        return subprocess.Popen(
            self._command(node, words), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True)

    def _command(self, node, words):
        return [self._program, *words, "--socket", str(self.home(node) / "agent.sock")]

    # Processes

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
