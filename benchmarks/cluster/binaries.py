"""The programs of a Kubernetes control plane, built from their sources as Go modules, once.

They stay in a cache folder: `ARGUS_KUBERNETES_CACHE`, or `argus/kubernetes` in the user's own.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from argus_pipeline.errors import ArgusError, Unavailable

KUBERNETES: Final = "v1.37.2"
ETCD: Final = "v3.7.0"
"""Debian's is too old: watches end in "Too large resource version"."""
KUSTOMIZE: Final = (5, 0)
"""Debian's kubectl has 2.0, which knows neither components nor replacements."""
BUILD_S: Final = 3000.0
_TARGETS: Final = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
}
_KUBECTL: Final = {"kubectl": "k8s.io/kubernetes/cmd/kubectl"}


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


def find_kubectl() -> str | None:
    """A kubectl that is new enough: the system's, or one that was built here."""
    for found in (shutil.which("kubectl"), str(_folder() / "kubectl")):
        if found is None or not Path(found).exists():
            continue
        said = subprocess.run([found, "version", "--client"], capture_output=True, text=True)
        version = re.search(r"Kustomize Version: v(\d+)\.(\d+)", said.stdout)
        if version is not None and (int(version[1]), int(version[2])) >= KUSTOMIZE:
            return found
    return None


def binaries() -> Binaries:
    """Find the programs, and build what is missing: some five minutes, the first time.

    Raises:
        ArgusError: they must be built, and Go is not installed.
        Unavailable: they cannot be built.
    """
    folder, kubectl = _folder(), find_kubectl()
    wanted = _TARGETS if kubectl else _TARGETS | _KUBECTL
    missing = {name: target for name, target in wanted.items() if not (folder / name).exists()}
    if missing:
        go = shutil.which("go")
        if go is None:
            raise ArgusError(
                f"{', '.join(missing)} must be built once, and Go is not installed",
                where=str(folder),
                hint="Install Go 1.26 or newer, or put the programs of a release there",
            )
        folder.mkdir(parents=True, exist_ok=True)
        for name, target in missing.items():
            print(f"building {name} (minutes, once) into {folder}", flush=True)
            _build(go, target, folder / name)
    return Binaries(folder, kubectl or str(folder / "kubectl"))


def _folder() -> Path:
    return cache_folder() / f"{KUBERNETES}-etcd-{ETCD}"


def _build(go: str, target: str, program: Path) -> None:
    """Build one from a throw-away module: `go install` refuses modules that replace others."""
    ours = target.startswith("k8s.io/kubernetes/")
    module, version = ("k8s.io/kubernetes", KUBERNETES) if ours else (target, ETCD)
    work = cache_folder() / "modules" / ("kubernetes" if ours else "etcd")
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "go.sum").exists():
        (work / "go.mod").write_text("module example.invalid/programs\n\ngo 1.26.0\n")
        imports = [t for t in (_TARGETS | _KUBECTL).values() if t.startswith(module)]
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
    # Whole, or not there: the build may be ended.
    beside = program.with_suffix(".part")
    _go(go, work, "build", "-trimpath", "-ldflags=-s -w", "-o", str(beside), target)
    beside.replace(program)


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
        raise Unavailable(
            f"took longer than {BUILD_S:.0f} s", where=f"go {arguments[0]}"
        ) from error
    if done.returncode:
        # Half a module would be taken for a whole one the next time.
        (folder / "go.sum").unlink(missing_ok=True)
        raise Unavailable(
            f"go {' '.join(arguments)} failed:\n{done.stderr.strip()[-3000:]}", where=str(folder)
        )
    return done.stdout
