"""Decoders that other packages bring: what one has to offer, and how it is found.

A package names its decoder in the entry-point group `argus.decoders`:

    [project.entry-points."argus.decoders"]
    acme-log = "acme_argus:AcmeLog"

The object is a decoder, or a class that makes one without arguments. docs/formats.md has a complete
example. Decoders have all our rights, even though `decode` runs in another process (`apart`):
install only what you trust.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import argus_native

from argus_pipeline.batches.names import SAFE_NAME_RULE, is_safe_name
from argus_pipeline.recordings.result import Fault

GROUP: Final = "argus.decoders"
HEAD_BYTES: Final = 4096
"""So many of a recording's first bytes are shown to `Decoder.recognises`."""

BUILT_IN: Final = ("dlt", "rec")
_MOST_CHARACTERS: Final = 300


class ArrowArray(Protocol):
    """Rows as an Arrow struct array: `pyarrow.RecordBatch` and what else has this method."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]:
        """Schema and array as PyCapsules (the Arrow PyCapsule interface)."""


@dataclass(frozen=True, slots=True)
class DecodedBatch:
    """Rows of one table.

    Args:
        table: its name, which becomes a file's name (`[A-Za-z0-9._-]`, at most 128 characters).
        batch: the rows, flat and with the same columns each time. `plugin_reader` lists the types.
        decoded_bytes: bytes of the recording that these rows stand for and that no other batch and
            no fault counts.
    """

    table: str
    batch: ArrowArray
    decoded_bytes: int


@runtime_checkable
class Decoder(Protocol):
    """Reads one format. May be asked by several threads at once, each with another recording."""

    @property
    def name(self) -> str:
        """The format's name, such as `acme-log`. `dlt` and `rec` are taken."""

    @property
    def version(self) -> str:
        """Change it whenever the output for the same input changes: recordings are read again."""

    def recognises(self, head: bytes) -> bool:
        """Whether a recording that begins with these bytes (4,096, or all) is of this format."""

    def decode(self, path: Path) -> Iterator[DecodedBatch | Fault]:
        """Read a recording from its first byte to its last.

        Every byte counts once: in the `decoded_bytes` of a batch, or in a fault. Faults come in the
        order of their offsets, best after the rows that stand before them.
        """


@dataclass(frozen=True, slots=True)
class InstalledDecoders:
    """All decoders that can be used, by name; `warnings` say which cannot and why."""

    decoders: tuple[Decoder, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FoundDecoder:
    """Who reads a recording: None stands for the built-in formats."""

    decoder: Decoder | None
    warnings: tuple[str, ...] = ()


@cache
def installed_decoders() -> InstalledDecoders:
    """The decoders of all installed packages, loaded when this is called first."""
    found: dict[str, Decoder] = {}
    warnings: list[str] = []
    for entry in sorted(entry_points(group=GROUP), key=lambda e: (e.name, e.value)):
        try:
            decoder = _load(entry)
        except (Exception, SystemExit) as error:
            warnings.append(f"the decoder {entry.name} is not used: {brief(error)}")
            continue
        if decoder.name in found:
            warnings.append(
                f"the decoder {entry.name} is not used: another one is called {decoder.name!r}"
            )
        else:
            found[decoder.name] = decoder
    return InstalledDecoders(tuple(found[name] for name in sorted(found)), tuple(warnings))


def find_decoder(head: bytes) -> FoundDecoder:
    """Who reads the recording that begins with `head`. Built-in formats are asked first."""
    head = head[:HEAD_BYTES]
    if not head or argus_native.detect(head) is not None:
        return FoundDecoder(None)
    installed = installed_decoders()
    warnings = list(installed.warnings)
    claims: list[Decoder] = []
    for decoder in installed.decoders:
        try:
            if decoder.recognises(head):
                claims.append(decoder)
        except (Exception, SystemExit) as error:
            warnings.append(f"the decoder {spoken(decoder)} was not asked: {brief(error)}")
    if not claims:
        return FoundDecoder(None, tuple(warnings))
    if len(claims) > 1:
        names = ", ".join(spoken(claim) for claim in claims)
        warnings.append(
            f"several decoders recognise this recording ({names}): {claims[0].name} reads it, "
            "being the first by name"
        )
    return FoundDecoder(claims[0], tuple(warnings))


def decoder_versions(recording_format: str | None = None) -> str:
    """Names and versions of all decoders, for the identity of outputs; empty without any.

    Empty, too, for a built-in format, which no decoder can take over: installing one makes nobody
    read those recordings again.
    """
    if recording_format in BUILT_IN:
        return ""
    return ", ".join(spoken(decoder) for decoder in installed_decoders().decoders)


def spoken(decoder: Decoder) -> str:
    """A decoder's name and version."""
    return f"{decoder.name} {decoder.version}"


def brief(error: BaseException) -> str:
    """An error of somebody else's code in one line."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}…"


def _load(entry: EntryPoint) -> Decoder:
    loaded = entry.load()
    decoder = loaded() if isinstance(loaded, type) else loaded
    if not isinstance(decoder, Decoder):
        raise TypeError("it lacks one of name, version, recognises and decode")
    if not is_safe_name(decoder.name):
        raise ValueError(f"its name {decoder.name!r} is not {SAFE_NAME_RULE}")
    if decoder.name in BUILT_IN:
        raise ValueError(f"the name {decoder.name!r} belongs to a built-in format")
    if not isinstance(decoder.version, str) or not decoder.version:
        raise TypeError("its version is not a text, or empty")
    return decoder
