"""Patterns of fault codes of a maker: a YAML file that `ARGUS_CODE_PATTERNS` names.

```yaml
keep: [OBD-II, UDS]          # which built-in patterns stay; all of them if this is left out
patterns:
  - name: gearbox
    regex: "G[0-9]{2}-[0-9]{3}"
    reference: gearbox handbook, chapter 7
  - name: plain number
    regex: "[0-9]{5}"
    after: "fault|Fehler"    # only after one of these words, since it could be any number
```

`docs/statistics.md` says how codes are found. The file takes part in no hash: materialize
`batch_statistics` again where it changes.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Final

import polars as pl
import yaml
from polars.exceptions import ComputeError

from argus_pipeline.errors import BadInput
from argus_pipeline.statistics.codes import CODE_PATTERNS, CodePattern

VARIABLE: Final = "ARGUS_CODE_PATTERNS"
_MAX_BYTES: Final = 1024 * 1024
_FIELDS: Final = {"name", "regex", "reference", "after"}


def code_patterns(path: str | None = None) -> tuple[CodePattern, ...]:
    """The patterns in use: the built-in ones, and those of the file at `path`.

    Args:
        path: of the file; `ARGUS_CODE_PATTERNS` where it is None.

    Raises:
        BadInput: the file cannot be read, or a pattern in it is no regular expression.
    """
    given = path or os.environ.get(VARIABLE)
    if not given:
        return CODE_PATTERNS
    content = _read(Path(given))
    names = [pattern.name for pattern in CODE_PATTERNS]
    keep = content.get("keep", names)
    if not isinstance(keep, list) or any(name not in names for name in keep):
        raise _bad(given, f"'keep' is {keep!r}", f"a list of {', '.join(names)}")
    entries = content.get("patterns", [])
    if not isinstance(entries, list):
        raise _bad(given, f"'patterns' is {entries!r}", "a list")
    own = tuple(_pattern(entry, f"patterns[{n}]", given) for n, entry in enumerate(entries))
    found = (*(pattern for pattern in CODE_PATTERNS if pattern.name in keep), *own)
    if not found:
        raise _bad(given, "leaves no pattern", "at least one")
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            content = yaml.safe_load(stream.read(_MAX_BYTES))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise BadInput(
            f"the code patterns cannot be read: {error}",
            where=str(path),
            hint=f"Mend the file, or unset {VARIABLE}",
        ) from error
    if not isinstance(content, dict):
        raise _bad(str(path), "holds no mapping", "'patterns', and perhaps 'keep'")
    return content


def _pattern(entry: Any, where: str, path: str) -> CodePattern:
    if not isinstance(entry, dict) or not {"name", "regex"} <= entry.keys() <= _FIELDS:
        raise _bad(path, f"{where} is {entry!r}", "name, regex, and perhaps reference and after")
    if not all(isinstance(value, str) and value for value in entry.values()):
        raise _bad(path, f"{where} is {entry!r}", "texts that are not empty")
    pattern = CodePattern(
        entry["name"], entry["regex"], entry.get("reference", path), entry.get("after")
    )
    for name in ("regex", "after"):
        _check_regex(entry.get(name), f"{where}.{name}", path)
    return pattern


def _check_regex(regex: str | None, where: str, path: str) -> None:
    if regex is None:
        return
    try:
        is_empty = pl.select(pl.lit("").str.contains(f"^(?:{regex})$")).item()
    except ComputeError as error:
        raise _bad(path, f"{where} is {regex!r}: {error}", "syntax of Rust's regex") from error
    # A group of its own would shift the one that the code is taken from.
    if re.search(r"(?<!\\)\((?!\?)", regex):
        raise _bad(path, f"{where} is {regex!r}", "groups of the kind (?:...) only")
    if is_empty:
        raise _bad(path, f"{where} is {regex!r}, which fits the empty text", "a code")


def _bad(path: str, what: str, expected: str) -> BadInput:
    return BadInput(f"the code patterns: {what}", where=path, expected=expected)
