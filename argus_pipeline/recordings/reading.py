"""A recording being decoded: by the native parser, or by a decoder that was added."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol

import argus_native

from argus_pipeline.recordings.apart import ApartReader
from argus_pipeline.recordings.decoders import HEAD_BYTES, find_decoder
from argus_pipeline.recordings.source import Source
from argus_pipeline.recordings.specifications import Specifications
from argus_pipeline.recordings.tables import CsvStyle, TableBatch

PARSER_VERSION: Final = argus_native.__version__
REC: Final = "rec"
DLT: Final = "dlt"


class Reading(Protocol):
    """A recording being decoded: iterate over it once for the batches."""

    @property
    def format(self) -> str | None:
        """Name of the format; None where it is not known."""

    @property
    def bytes_in(self) -> int:
        """Size of the recording, decompressed."""

    @property
    def rows(self) -> int:
        """Messages decoded so far."""

    @property
    def decoded_bytes(self) -> int:
        """Bytes of those messages."""

    @property
    def quarantined_bytes(self) -> int:
        """Bytes that belong to no believable message."""

    @property
    def undecoded(self) -> dict[str, int]:
        """What was kept as raw bytes, and how often."""

    def take_faults(self) -> list[tuple[int, int, str]]:
        """Offset, length and reason of the faults since the last call."""

    def __iter__(self) -> Iterator[TableBatch]: ...


def open_reading(
    source: Source,
    specifications: Specifications | None,
    *,
    threads: int,
    csv: bool = False,
    style: CsvStyle | None = None,
) -> tuple[Reading, tuple[str, ...]]:
    """Who reads this recording, and what is to be said about that.

    Args:
        source: the recording.
        specifications: what it is read with.
        threads: that read it.
        csv: have these threads write its CSV, too.
        style: delimiter and line end of the CSV.
    """
    style = style or CsvStyle()
    with source.path.open("rb") as file:
        found = find_decoder(file.read(HEAD_BYTES))
    if found.decoder is not None:
        return ApartReader(found.decoder, source.path, source.size), found.warnings
    reader = argus_native.Reader(
        str(source.path),
        specification=specifications.specification if specifications else None,
        catalogue=specifications.catalogue if specifications else None,
        threads=threads,
        csv=csv,
        delimiter=style.delimiter,
        line_end=style.line_end,
    )
    return reader, found.warnings
