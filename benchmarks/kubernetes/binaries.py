"""The programs of a Kubernetes control plane, built from their sources as Go modules, once.

They stay in a cache folder: `ARGUS_KUBERNETES_CACHE`, or `argus/kubernetes` in the user's own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from argus_pipeline.errors import ArgusError, Unavailable

KUBERNETES: Final = "v1.37.2"
ETCD: Final = "v3.7.0"
"""Debian's is too old: watches end in "Too large resource version"."""
BUILD_S: Final = 3000.0
_TARGETS: Final = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
}


@dataclass(frozen=True, slots=True)
class Binaries:
    """Where the programs are."""

    folder: Path
    kubectl: str

    def path(self, name: str) -> str:
        """One of them."""
        return str(self.folder / name)


def cache_folder() -> Path:
    """Where they are kept."""
    named = os.environ.get("ARGUS_KUBERNETES_CACHE")
    usual = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return (Path(named) if named else usual / "argus" / "kubernetes").resolve()


def binaries() -> Binaries:
    """Find the programs, and build what is missing: some five minutes, the first time.

    Raises:
        ArgusError: Go or kubectl is not installed.
        Unavailable: they cannot be built.
    """
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise ArgusError("kubectl is not installed", hint="apt install kubernetes-client")
    folder = cache_folder() / f"{KUBERNETES}-etcd-{ETCD}"
    missing = [name for name in _TARGETS if not (folder / name).exists()]
    if missing:
        go = shutil.which("go")
        if go is None:
            raise ArgusError(
                f"{', '.join(missing)} must be built once, and Go is not installed",
                where=str(folder),
                hint="Install Go 1.25 or newer, or put the programs of a release there",
            )
        folder.mkdir(parents=True, exist_ok=True)
        for name in missing:
            print(f"building {name} (minutes, once) into {folder}", flush=True)
            _build(go, name, folder)
    return Binaries(folder, kubectl)


def _build(go: str, name: str, folder: Path) -> None:
    """Build one from a throw-away module: `go install` refuses modules that replace others."""
    target = _TARGETS[name]
    module, version = (
        (target, ETCD) if name == "etcd" else ("k8s.io/kubernetes", KUBERNETES)
    )
    work = folder.parent / "modules" / ("etcd" if name == "etcd" else "kubernetes")
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "go.sum").exists():
        (work / "go.mod").write_text("module example.invalid/programs\n\ngo 1.25\n")
        imports = [t for t in _TARGETS.values() if t.startswith(module)]
        lines = "\n".join(f'\t_ "{path}"' for path in imports)
        (work / "programs.go").write_text(
            f"//go:build tools\n\npackage programs\n\nimport (\n{lines}\n)\n"
        )
        edits = [f"-require={module}@{version}"]
        fetched = json.loads(_go(go, work, "mod", "download", "-json", f"{module}@{version}"))
        content = json.loads(_go(go, work, "mod", "edit", "-json", fetched["GoMod"]))
        for replaced in content.get("Replace") or ():
            # In Kubernetes' own tree they lie beside it; published, they are v0 of the same minor.
            path = replaced["Old"]["Path"]
            if replaced["New"]["Path"].startswith("./staging/"):
                edits.append(f"-replace={path}={path}@v0{version.removeprefix('v1')}")
        _go(go, work, "mod", "edit", *edits)
        _go(go, work, "mod", "tidy")
    _go(go, work, "build", "-trimpath", "-ldflags=-s -w", "-o", str(folder / name), target)


def _go(go: str, folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            [go, *arguments],
            cwd=folder,
            env={**os.environ, "GOFLAGS": "-buildvcs=false -mod=mod", "GOWORK": "off"},
            capture_output=True,
            text=True,
            timeout=BUILD_S,
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"took longer than {BUILD_S:.0f} s", where=f"go {arguments[0]}") from error
    if done.returncode:
        # Half a module would be taken for a whole one the next time.
        (folder / "go.sum").unlink(missing_ok=True)
        raise Unavailable(
            f"go {' '.join(arguments)} failed:\n{done.stderr.strip()[-3000:]}", where=str(folder)
        )
    return done.stdout
