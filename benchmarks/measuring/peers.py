"""Other people's tools, found or made ready; one that cannot be had says why."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PEERS = Path(__file__).resolve().parents[1] / "peers"
PYDLT = "pydlt==0.3.5"
DLT_CORE = "dlt-core 0.20.1"

CLUON_MB_PER_SECOND = 4.0
"""cluon-rec2csv of libcluon 0.0.149, measured elsewhere: no package registry has it."""
ADLT_TIMES_DLT_CONVERT = (5.0, 6.0)
"""adlt 0.64, measured elsewhere, as a multiple of dlt-convert on the same machine."""


@dataclass(frozen=True, slots=True)
class Peer:
    """How to run a tool, or, where `command` is empty, why it is missing."""

    name: str
    command: tuple[str, ...] = ()
    missing: str = ""

    def __bool__(self) -> bool:
        return bool(self.command)


@dataclass(frozen=True, slots=True)
class Peers:
    """All of them."""

    dlt_convert: Peer
    pydlt: Peer
    dlt_core: Peer

    @property
    def missing(self) -> tuple[Peer, ...]:
        """Those that could not be had."""
        return tuple(p for p in (self.dlt_convert, self.pydlt, self.dlt_core) if not p)


def find_peers(cache: Path, *, may_install: bool) -> Peers:
    """Find the tools; with `may_install`, put those of PyPI and crates.io under `cache`."""
    return Peers(
        _dlt_convert(),
        of_pypi(PYDLT, "pydlt_text.py", cache, may_install=may_install),
        _dlt_core(cache, may_install),
    )


def _dlt_convert() -> Peer:
    found = shutil.which("dlt-convert")
    if not found:
        return Peer("dlt-convert", missing="apt install dlt-tools")
    usage = subprocess.run([found, "-h"], capture_output=True, text=True, check=False).stdout
    version = usage.partition("Version: ")[2].split(maxsplit=1)[:1]
    return Peer(" ".join(["dlt-convert", *version]), (found,))


def of_pypi(requirement: str, script: str, cache: Path, *, may_install: bool) -> Peer:
    """A tool of PyPI in an environment of its own, run by a script of ours beside it."""
    package = requirement.partition("==")[0]
    name = requirement.replace("==", " ")
    folder = cache / package
    python = folder / "bin" / "python"
    if not _runs([str(python), "-c", f"import {package}"]):
        if not may_install:
            return Peer(name, missing="not installed yet, and --quick installs nothing")
        shutil.rmtree(folder, ignore_errors=True)
        _say(f"installing {requirement}")
        # Debian's Python may lack ensurepip: the pip that is at hand fills the other folder too.
        for step in (
            [sys.executable, "-m", "venv", "--without-pip", str(folder)],
            [sys.executable, "-m", "pip", "-q", "--python", str(python), "install", requirement],
        ):
            if why := _fails(step):
                return Peer(name, missing=why)
    return Peer(name, (str(python), str(PEERS / script)))


def _dlt_core(cache: Path, may_install: bool) -> Peer:
    folder = cache / "dlt_core"
    program = folder / "target" / "release" / "dlt_core_parse"
    sources = [PEERS / "dlt_core" / "Cargo.toml", PEERS / "dlt_core" / "src" / "main.rs"]
    if not program.exists() or any(
        source.stat().st_mtime > program.stat().st_mtime for source in sources
    ):
        cargo = shutil.which("cargo")
        if not cargo:
            return Peer(DLT_CORE, missing="cargo is not here")
        if not may_install:
            return Peer(DLT_CORE, missing="not built yet, and --quick builds nothing")
        _say(f"building {DLT_CORE}")
        # A copy, so that neither a lock file nor a build ends up beside the sources.
        try:
            shutil.copytree(PEERS / "dlt_core", folder, dirs_exist_ok=True)
        except OSError as error:
            return Peer(DLT_CORE, missing=f"{folder} cannot be written: {error.strerror or error}")
        manifest = str(folder / "Cargo.toml")
        build = [cargo, "build", "--quiet", "--release", "--manifest-path", manifest]
        if why := _fails([*build, "--target-dir", str(folder / "target")]):
            return Peer(DLT_CORE, missing=why)
        program.touch()
    return Peer(DLT_CORE, (str(program),))


def _runs(command: Sequence[str]) -> bool:
    return Path(command[0]).exists() and not _fails(command)


def _fails(command: Sequence[str]) -> str:
    """Empty when the command went well, else its last words."""
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode == 0:
        return ""
    words = (ended.stderr.strip() or ended.stdout.strip()).splitlines()
    return words[-1] if words else f"{command[0]} ended with status {ended.returncode}"


def _say(text: str) -> None:
    print(f"… {text}", file=sys.stderr, flush=True)
