"""Hosts of the test: namespaces of network, processes and mounts, joined by a bridge.

All of it lives in namespaces of the test's own (`enter`), so nothing of this machine's network is
touched, and all of it is gone when the test ends.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

NETWORK: Final = "10.77.0"
CONTROL: Final = f"{NETWORK}.1"
INSIDE: Final = "ARGUS_SCALE_INSIDE"
_BRIDGE: Final = "argus0"


def enter() -> None:
    """Start this program again in namespaces of its own, unless it runs in them already."""
    if os.environ.get(INSIDE):
        return
    program = [sys.executable, "-m", "benchmarks.scale", *sys.argv[1:]]
    os.execvpe(
        "unshare",
        ["unshare", "--net", "--mount", "--uts", "--", *program],
        {**os.environ, INSIDE: "1"},
    )


def make_network() -> None:
    """The bridge; the control plane's host is the namespace that the test itself runs in."""
    _ip("link", "set", "lo", "up")
    _ip("link", "add", _BRIDGE, "type", "bridge")
    _ip("addr", "add", f"{CONTROL}/24", "dev", _BRIDGE)
    _ip("link", "set", _BRIDGE, "up")
    # `ip netns` keeps its names in a folder that all of the machine shares.
    Path("/run/netns").mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run/netns"], check=True)


@dataclass
class Host:
    """A host with a worker. It sees the network, the project, and nothing of the control plane.

    Args:
        number: from 1; its address ends in it.
        hidden: folders of the control plane, which are empty here.
    """

    number: int
    hidden: Sequence[Path]
    _init: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """What it calls itself; the names of its workers end in it."""
        return f"host{self.number}"

    @property
    def _link(self) -> str:
        return f"argus{self.number}"

    def boot(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        """Make it and start its worker."""
        _ip("netns", "add", self.name)
        _ip("link", "add", self._link, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        _ip("link", "set", self._link, "master", _BRIDGE, "up")
        for more in (
            ("addr", "add", f"{NETWORK}.{self.number + 1}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("link", "set", "lo", "up"),
        ):
            _ip("-n", self.name, *more)
        hide = "; ".join(f"mount -t tmpfs tmpfs {folder}" for folder in self.hidden)
        inner = f'hostname {self.name}; {hide}; exec "$@"'
        with log.open("ab") as file:
            self._init = subprocess.Popen(
                [
                    *("ip", "netns", "exec", self.name),
                    *("unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child"),
                    *("--mount-proc", "sh", "-c", inner, "sh", *command),
                ],
                env=dict(environment),
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def cut(self) -> None:
        """Cut its network; what runs there goes on."""
        _ip("link", "set", self._link, "down")

    def heal(self) -> None:
        """Join it again."""
        _ip("link", "set", self._link, "up")

    def destroy(self) -> None:
        """As a power cut does it: nothing of it says goodbye."""
        self.cut()
        self._end(signal.SIGKILL)

    def shut_down(self, patience_s: float) -> None:
        """Ask its worker to finish, and remove the host."""
        if self._init is not None:
            for pid in self.processes():
                if "argus_pipeline.cli.main" in _command_line(pid):
                    _kill(pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._init.wait(patience_s)
        self._end(signal.SIGKILL)

    def processes(self) -> list[int]:
        """Its processes, as the control plane's host numbers them; none while it is not there."""
        if self._init is None:
            return []
        found = subprocess.run(
            ["ip", "netns", "pids", self.name], capture_output=True, text=True, check=True
        )
        return [int(pid) for pid in found.stdout.split()]

    def _end(self, how: signal.Signals) -> None:
        if self._init is not None and self._init.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._init.pid, how)
            self._init.wait(10)
        until = time.monotonic() + 10
        while self.processes() and time.monotonic() < until:
            for pid in self.processes():
                _kill(pid, how)
            time.sleep(0.2)
        _ip("netns", "delete", self.name)
        # Both ends of the link go with the namespace of one of them, once it is gone.
        subprocess.run(["ip", "link", "delete", self._link], stderr=subprocess.DEVNULL, check=False)
        self._init = None


def _kill(pid: int, how: signal.Signals) -> None:
    # The kernel may be ending it just now, with its namespace.
    with suppress(ProcessLookupError):
        os.kill(pid, how)


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
