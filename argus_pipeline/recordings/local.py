"""Recordings on a local disk, parsed into folders: what `argus parse` does."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from argus_pipeline.batches.manifest import SPECIFICATION_SUFFIX
from argus_pipeline.errors import ArgusError, BadInput
from argus_pipeline.recordings.decoding import PARSER_VERSION, ParsedRecording, parse_recording
from argus_pipeline.recordings.result import RESULT_SCHEMA, Status
from argus_pipeline.recordings.specifications import Specifications
from argus_pipeline.recordings.tables import FORMATS, CsvStyle

RESULT_NAME = "recording.json"


@dataclass(frozen=True, slots=True)
class Inputs:
    """What was found under the paths that a person named."""

    recordings: tuple[Path, ...]
    specifications: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class LocalResult:
    """One recording's result and the folder that holds its files."""

    path: Path
    folder: Path
    parsed: ParsedRecording

    @property
    def is_whole(self) -> bool:
        """Whether nothing was quarantined or kept raw."""
        return self.parsed.status is Status.PARSED

    def to_dict(self) -> dict[str, Any]:
        """The result for JSON; paths are relative to the folder."""
        parsed = self.parsed
        return {
            "schema": RESULT_SCHEMA,
            "recording": str(self.path),
            "folder": str(self.folder),
            "parser_version": PARSER_VERSION,
            "format": parsed.format,
            "status": str(parsed.status),
            "size": parsed.size,
            "rows": parsed.rows,
            "decoded_bytes": parsed.decoded_bytes,
            "quarantined_bytes": parsed.quarantined_bytes,
            "fault_count": parsed.fault_count,
            "faults": [asdict(fault) for fault in parsed.faults],
            "kept_raw": dict(parsed.kept_raw),
            "warnings": list(parsed.warnings),
            "error": parsed.error,
            "tables": [
                {
                    "name": table.name,
                    "rows": table.rows,
                    "files": [path.name for path in table.files.values()],
                    "columns": dict(table.columns),
                }
                for table in parsed.tables
            ],
        }


def find_inputs(paths: Iterable[Path], *, leave_out: Path) -> Inputs:
    """Recordings and specifications among files, and in folders at any depth.

    In folders, JSON (manifests and the like), hidden files and everything under `leave_out` (our
    own outputs) are no recordings.

    Raises:
        BadInput: a path is not there, or there is no recording at all.
    """
    found: list[Path] = []
    outputs = leave_out.resolve()
    for path in paths:
        if path.is_dir():
            found += (
                inside
                for inside in sorted(path.rglob("*"))
                if inside.is_file()
                and inside.suffix != ".json"
                and not inside.name.startswith(".")
                and not inside.resolve().is_relative_to(outputs)
            )
        elif path.exists():
            found.append(path)
        else:
            raise BadInput("there is no such file or folder", where=str(path))
    unique = list(dict.fromkeys(found))
    recordings = tuple(p for p in unique if p.suffix != SPECIFICATION_SUFFIX)
    if not recordings:
        raise BadInput("found no recording", expected="at least one file that is not .odvd")
    return Inputs(recordings, tuple(p for p in unique if p.suffix == SPECIFICATION_SUFFIX))


def output_names(recordings: Sequence[Path]) -> list[str]:
    """A folder name for each recording: its own name, with -2, -3, … where that is taken."""
    given = {path.name for path in recordings}
    used: set[str] = set()
    names = []
    for path in recordings:
        name, number = path.name, 1
        while name in used or (number > 1 and name in given):
            number += 1
            name = f"{path.name}-{number}"
        used.add(name)
        names.append(name)
    return names


def parse_files(
    recordings: Sequence[Path],
    out: Path,
    *,
    specifications: Specifications,
    formats: Collection[str] = FORMATS,
    style: CsvStyle | None = None,
    jobs: int = 1,
    progress: Callable[[int], None] | None = None,
) -> list[LocalResult]:
    """Parse recordings, several at once, and return their results in the same order.

    Args:
        recordings: the files.
        out: gets one folder for each of them, by `output_names`.
        specifications: what `.rec` messages are read with.
        formats: `csv`, `parquet` or both.
        style: delimiter and line end of the CSV.
        jobs: recordings at once; the parser runs without the GIL.
        progress: called with a number of bytes now and then, from several threads.

    Raises:
        ArgusError: a file cannot be read or written.
    """

    def one(path: Path, name: str) -> LocalResult:
        folder = out / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for stale in _earlier_files(folder):
                stale.unlink(missing_ok=True)
            with path.open("rb", buffering=0) as stream:
                parsed = parse_recording(
                    stream,
                    folder,
                    name=path.name,
                    specifications=specifications,
                    formats=formats,
                    style=style,
                    progress=progress,
                )
            result = LocalResult(path, folder, parsed)
            content = json.dumps(result.to_dict(), indent=1, ensure_ascii=False)
            (folder / RESULT_NAME).write_text(content + "\n", encoding="utf-8")
        except OSError as error:
            raise ArgusError(
                f"cannot be parsed: {error.strerror or error}", where=error.filename or str(path)
            ) from error
        return result

    threads = ThreadPoolExecutor(max(1, min(jobs, len(recordings))))
    try:
        return list(threads.map(one, recordings, output_names(recordings)))
    finally:
        threads.shutdown(cancel_futures=True)


def _earlier_files(folder: Path) -> Iterator[Path]:
    """The files that an earlier parse into this folder says it wrote, and no others."""
    record = folder / RESULT_NAME
    try:
        tables = json.loads(record.read_text(encoding="utf-8"))["tables"]
        names = [name for table in tables for name in table["files"]]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return
    # The record goes first: without it the folder's tables do not count.
    yield record
    for name in names:
        if Path(name).name == name:
            yield folder / name
