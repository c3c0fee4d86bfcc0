"""Recordings on a local disk, parsed into folders: what `argus parse` does."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from argus_pipeline.batches.manifest import (
    NO_RECORDINGS,
    is_catalogue_name,
    is_recording_name,
    is_specification_name,
)
from argus_pipeline.errors import ArgusError, BadInput
from argus_pipeline.recordings.cancellation import Cancellation
from argus_pipeline.recordings.decoding import ParsedRecording, parse_recording
from argus_pipeline.recordings.fibex import looks_like_fibex
from argus_pipeline.recordings.reading import PARSER_VERSION
from argus_pipeline.recordings.result import RESULT_SCHEMA, Status
from argus_pipeline.recordings.source import STANDARD_INPUT, Source, called, open_source
from argus_pipeline.recordings.specifications import Specifications
from argus_pipeline.recordings.tables import FORMATS, CsvStyle

RESULT_NAME = "recording.json"
_HEAD_BYTES = 65_536
_DASH = Path("-")


@dataclass(frozen=True, slots=True)
class Inputs:
    """What was found under the paths that a person named."""

    recordings: tuple[Path, ...]
    specifications: tuple[Path, ...]
    catalogues: tuple[Path, ...]


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
            "recording": called(self.path),
            "folder": str(self.folder),
            "parser_version": PARSER_VERSION,
            "format": parsed.format,
            "status": str(parsed.status),
            "size": parsed.size,
            "stored_size": parsed.stored_size,
            "compression": parsed.compression,
            "unread_bytes": parsed.unread_bytes,
            "rows": parsed.rows,
            "decoded_bytes": parsed.decoded_bytes,
            "quarantined_bytes": parsed.quarantined_bytes,
            "fault_count": parsed.fault_count,
            "faults": [asdict(fault) for fault in parsed.faults],
            "kept_raw": dict(parsed.kept_raw),
            "lifecycles": parsed.lifecycles,
            "lost_messages": parsed.lost_messages,
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


def find_inputs(paths: Iterable[Path], *, leave_out: Path | None = None) -> Inputs:
    """Recordings, specifications and catalogues among files, and in folders at any depth.

    In folders, JSON (manifests and the like), XML that is no FIBEX, hidden files and everything
    under `leave_out` (our own outputs) are none of them. `-` is standard input.

    Raises:
        BadInput: a path is not there, or there is no recording at all.
    """
    found: list[Path] = []
    outputs = leave_out.resolve() if leave_out else None
    for path in paths:
        if path == _DASH:
            found.append(STANDARD_INPUT)
        elif path.is_dir():
            found += (
                inside
                for inside in sorted(path.rglob("*"))
                if inside.is_file()
                and inside.suffix != ".json"
                and not inside.name.startswith(".")
                and not (outputs and inside.resolve().is_relative_to(outputs))
                and (inside.suffix.lower() != ".xml" or _is_fibex(inside))
            )
        elif path.exists():
            found.append(path)
        else:
            raise BadInput("there is no such file or folder", where=str(path))
    unique = list(dict.fromkeys(found))
    recordings = tuple(p for p in unique if is_recording_name(p.name))
    if not recordings:
        expected = f"at least one file that is not {NO_RECORDINGS}"
        raise BadInput("found no recording", expected=expected)
    return Inputs(
        recordings,
        specifications=tuple(p for p in unique if is_specification_name(p.name)),
        catalogues=tuple(p for p in unique if is_catalogue_name(p.name)),
    )


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
    strict: bool = False,
    progress: Callable[[int], None] | None = None,
) -> list[LocalResult]:
    """Parse recordings, several at once, and return their results in the same order.

    Args:
        recordings: the files.
        out: gets one folder for each of them, by `output_names`.
        specifications: what recordings are read with.
        formats: `csv`, `parquet` or both.
        style: delimiter and line end of the CSV.
        jobs: threads in all; several read one recording where there are fewer recordings.
        strict: stop at the first byte that cannot be decoded.
        progress: called with a number of bytes now and then, from several threads.

    Raises:
        ArgusError: a file cannot be read or written.
        BadInput: something cannot be decoded, with `strict`.
    """
    cancellation = Cancellation()
    at_once = max(1, min(jobs, len(recordings)))
    names = output_names(recordings)
    spooled: dict[Path, Source] = {}

    def half(count: int) -> None:
        if progress:
            progress(count // 2)

    def opened(path: Path, folder: Path) -> AbstractContextManager[Source]:
        folder.mkdir(parents=True, exist_ok=True)
        for stale in _earlier_files(folder):
            stale.unlink(missing_ok=True)
        return open_source(path, folder, progress=half, cancelled=cancellation)

    def one(path: Path, name: str) -> LocalResult:
        folder = out / name
        source = spooled.get(path)
        with _errors_named(path), nullcontext(source) if source else opened(path, folder) as source:
            parsed = parse_recording(
                source,
                folder,
                name=path.name,
                specifications=specifications,
                formats=formats,
                style=style,
                threads=max(1, jobs // at_once),
                strict=strict,
                progress=progress if source.path == path else half,
                cancellation=cancellation,
            )
            result = LocalResult(path, folder, parsed)
            content = json.dumps(result.to_dict(), indent=1, ensure_ascii=False)
            (folder / RESULT_NAME).write_text(content + "\n", encoding="utf-8")
        return result

    with ExitStack() as pipes:
        # Nothing can wake a thread that waits for a pipe: this one waits, and Ctrl-C ends it.
        for path, name in zip(recordings, names, strict=True):
            if not path.is_file():
                with _errors_named(path):
                    spooled[path] = pipes.enter_context(opened(path, out / name))
        threads = ThreadPoolExecutor(at_once)
        try:
            return list(threads.map(one, recordings, names))
        except BaseException:
            cancellation.cancel()
            raise
        finally:
            threads.shutdown(cancel_futures=True)


@contextmanager
def _errors_named(path: Path) -> Iterator[None]:
    """Say which recording it is that cannot be read or written."""
    try:
        yield
    except OSError as error:
        raise ArgusError(
            f"cannot be parsed: {error.strerror or error}", where=error.filename or called(path)
        ) from error


def _is_fibex(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return looks_like_fibex(file.read(_HEAD_BYTES))
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", where=str(path)) from error


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
