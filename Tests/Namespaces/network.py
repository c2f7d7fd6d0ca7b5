"""Nodes in network namespaces on one switch: what real-network tests and benchmarks share.

One namespace holds the switch (a bridge), and each node has one of its own, joined to it by a veth pair.
Everything lives in namespaces whose names begin with one prefix; the host's own namespace is not touched
at all, and deleting the namespaces deletes the links. Needs root and iproute2.
"""

import ipaddress
import os
import signal
import subprocess
import time


class LabError(Exception):
    """Something of the lab could not be set up; the text says what to do."""


def run(*words, check=True):
    result = subprocess.run(words, capture_output=True, text=True)
    if check and result.returncode != 0:
        raise LabError(f"{' '.join(words)}: {result.stderr.strip() or result.returncode}")
    return result.stdout


class Network:
    """Use it in `with`: nothing of it is left afterwards, and no process that runs in it."""

    def __init__(self, prefix, subnet, count):
        self.prefix = f"{prefix}-{os.getpid()}"
        self.subnet = subnet
        self.nodes = range(1, count + 1)
        self._spaces = []

    def address(self, node):
        return f"{self.subnet}.{node}"

    @property
    def switch_address(self):
        """Where a client on the switch itself is seen from."""
        return f"{self.subnet}.254"

    def __enter__(self):
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _build(self):
        switch = self._space("switch")
        for bridge in ("bridge", "other"):
            run("ip", "-n", switch, "link", "add", bridge, "type", "bridge", "forward_delay", "0")
            run("ip", "-n", switch, "link", "set", bridge, "up")
        run("ip", "-n", switch, "link", "set", "lo", "up")
        run("ip", "-n", switch, "addr", "add", f"{self.switch_address}/24", "dev", "bridge")
        for node in self.nodes:
            space = self._space(node)
            run("ip", "-n", switch, "link", "add", f"port{node}", "type", "veth", "peer", "name",
                "eth0", "netns", space)
            run("ip", "-n", switch, "link", "set", f"port{node}", "master", "bridge", "up")
            run("ip", "-n", space, "link", "set", "lo", "up")
            run("ip", "-n", space, "addr", "add", f"{self.address(node)}/24", "dev", "eth0")
            run("ip", "-n", space, "link", "set", "eth0", "up")

    def _space(self, what):
        name = f"{self.prefix}-{what}"
        run("ip", "netns", "add", name)
        self._spaces.append(name)
        return name

    def __exit__(self, *_):
        for space in self._spaces:
            # Whatever runs in there was started here, shims and their engines included.
            self._kill_in(space)
        for space in self._spaces:
            run("ip", "netns", "delete", space, check=False)

    # Processes

    def inside(self, where, *command):
        """The command that runs `command` in the namespace of a node, or of the switch."""
        return ["ip", "netns", "exec", f"{self.prefix}-{where}", *command]

    def processes(self, where):
        """The processes in the namespace of a node, or of the switch."""
        return [int(pid) for pid in
                run("ip", "netns", "pids", f"{self.prefix}-{where}", check=False).split()]

    def kill_all(self, node):
        """What the loss of power does to the node's processes."""
        self._kill_in(f"{self.prefix}-{node}")

    @staticmethod
    def _kill_in(space):
        # Until none is left: one that forks meanwhile would be missed.
        while pids := run("ip", "netns", "pids", space, check=False).split():
            for pid in pids:
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.02)

    # Faults of links; each returns the time when it was done

    def link(self, node, state):
        """Takes the node's port of the switch up or down."""
        run("ip", "-n", f"{self.prefix}-switch", "link", "set", f"port{node}", state)
        return time.monotonic()

    def part(self, nodes, bridge="other"):
        """Moves ports to the other half of the switch, or back to the first with `bridge`. The carrier
        stays: a node only stops hearing the rest."""
        for node in nodes:
            run("ip", "-n", f"{self.prefix}-switch", "link", "set", f"port{node}", "master", bridge)
        return time.monotonic()

    def cut(self, pair, is_cut=True):
        """Two nodes hear nothing of each other, and everyone else hears both; or no more so.

        Packets of IPv4 for the other address are dropped where the switch receives: bytes 12 and 30 of a
        frame are its type and whom it is for."""
        switch, (one, other) = f"{self.prefix}-switch", pair
        for sender, receiver in ((one, other), (other, one)):
            port = f"port{sender}"
            if not is_cut:
                run("tc", "-n", switch, "qdisc", "delete", "dev", port, "clsact")
                continue
            address = int(ipaddress.IPv4Address(self.address(receiver)))
            program = ["40 0 0 12", "21 0 3 2048", "32 0 0 30", f"21 0 1 {address}", "6 0 0 2",
                       "6 0 0 0"]
            run("tc", "-n", switch, "qdisc", "add", "dev", port, "clsact")
            run("tc", "-n", switch, "filter", "add", "dev", port, "ingress", "bpf",
                "direct-action", "bytecode", ",".join([str(len(program)), *program]))
        return time.monotonic()

    def lose(self, node, percent, ways=("ingress",)):
        """Loses that share of what the node sends, with `egress` among the ways of what it is sent,
        too; 0 ends it.

        A filter of four instructions where the switch receives, since not every kernel has netem, and
        a packet that a node's own queue drops is told to the sender."""
        switch, port = f"{self.prefix}-switch", f"port{node}"
        if percent:
            first_kept = min(round(percent / 100 * 2**32), 2**32 - 1)
            load_random, keep_from = "32 0 0 4294963256", f"53 0 1 {first_kept}"
            keep, drop = "6 0 0 0", "6 0 0 2"
            program = [load_random, keep_from, keep, drop] if percent < 100 else [drop]
            run("tc", "-n", switch, "qdisc", "add", "dev", port, "clsact")
            for way in ways:
                run("tc", "-n", switch, "filter", "add", "dev", port, way, "bpf",
                    "direct-action", "bytecode", ",".join([str(len(program)), *program]))
        else:
            run("tc", "-n", switch, "qdisc", "delete", "dev", port, "clsact")
        return time.monotonic()
