"""Compare the pinned dependencies with OSV's database of Python packages, which is one zip file.

    python tools/audit_offline.py all.zip [requirements.txt]

For machines without a way out: the file is OSV's export for the ecosystem PyPI
(https://google.github.io/osv.dev/data/). Exit status: 0 nothing known, 1 something is, 2 the
database cannot be used. Nothing is said of packages that the database does not name.
"""

from __future__ import annotations

import json
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)", re.MULTILINE)


def pins(text: str) -> dict[str, set[Version]]:
    """Versions by canonical name, of the lines that pin one: several, where markers choose."""
    found: dict[str, set[Version]] = {}
    for name, version in _PIN.findall(text):
        found.setdefault(canonicalize_name(name), set()).add(Version(version))
    return found


def weaknesses(
    database: Path, pinned: Mapping[str, set[Version]]
) -> Iterator[tuple[str, Version, str]]:
    """The known weaknesses of these versions: package, version, and what is known."""
    with zipfile.ZipFile(database) as packed:
        for name in sorted(packed.namelist()):
            if not name.endswith(".json"):
                continue
            entry: dict[str, Any] = json.loads(packed.read(name))
            if entry.get("withdrawn"):
                continue
            for affected in entry.get("affected", ()):
                package = canonicalize_name(affected.get("package", {}).get("name", ""))
                says = entry.get("summary") or entry.get("details", "")[:80]
                for version in sorted(pinned.get(package, ())):
                    if is_affected(affected, version):
                        yield package, version, f"{entry['id']}: {says}"


def is_affected(affected: Mapping[str, Any], version: Version) -> bool:
    """Whether a version is among those that an entry names, or within its ranges.

    OSV schema, "affected[].ranges[].events": in order, each `introduced` begins a stretch that
    `fixed` ends before, and `last_affected` with.
    """
    if any(_version(one) == version for one in affected.get("versions", ())):
        return True
    for stretch in affected.get("ranges", ()):
        if stretch.get("type") != "ECOSYSTEM":
            continue
        inside = False
        events = [next(iter(event.items())) for event in stretch.get("events", ())]
        for kind, text in sorted(events, key=lambda event: _version(event[1]) or Version("0")):
            at = _version(text)
            if at is None:
                continue
            if kind == "introduced" and version >= at:
                inside = True
            elif (kind == "fixed" and version >= at) or (kind == "last_affected" and version > at):
                inside = False
        if inside:
            return True
    return False


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def main() -> int:
    """Print what is known, one line each."""
    if len(sys.argv) not in {2, 3}:
        print(__doc__, file=sys.stderr)
        return 2
    database = Path(sys.argv[1])
    pinned = pins(Path(sys.argv[2] if len(sys.argv) == 3 else "requirements.txt").read_text())
    try:
        found = list(weaknesses(database, pinned))
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        print(f"audit: {database} cannot be used: {error}", file=sys.stderr)
        return 2
    for package, version, says in found:
        print(f"{package} {version}  {says}")
    print(f"{sum(map(len, pinned.values()))} pins compared, {len(found)} known weaknesses")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
