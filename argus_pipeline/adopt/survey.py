"""Reads the listing of an archive: what fits the pattern, and by name what does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from argus_pipeline.adopt.groups import Groups
from argus_pipeline.adopt.pattern import Pattern
from argus_pipeline.adopt.plan import FoundFile, found_file
from argus_pipeline.errors import ArgusError, BadInput, Unavailable
from argus_pipeline.storage.archives import Address
from argus_pipeline.storage.object_store import ObjectStore
from argus_pipeline.upload.options import BatchOptions

SHOWN: Final = 10
_TELL_EVERY: Final = 1000


@dataclass
class Sample:
    """How many there are of something, and the first of them in words."""

    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        """One more."""
        self.count += 1
        if self.wants_more:
            self.first.append(text)

    @property
    def wants_more(self) -> bool:
        """Whether another one would still be shown."""
        return len(self.first) < SHOWN


@dataclass
class Survey:
    """What a listing had.

    Attributes:
        keys: all objects.
        bytes: of all of them.
        unmatched: keys that do not fit the pattern.
        refused: keys that fit, and say what cannot be used.
        renamed: files that have another name in their batch.
    """

    keys: int = 0
    bytes: int = 0
    unmatched: Sample = field(default_factory=Sample)
    refused: Sample = field(default_factory=Sample)
    renamed: Sample = field(default_factory=Sample)


def survey(
    store: ObjectStore,
    folder: Address,
    pattern: Pattern,
    options: BatchOptions,
    groups: Groups,
    on_keys: Callable[[int], None] = lambda count: None,
) -> Survey:
    """List an archive and sort its files by batch. Nothing but the listing is read.

    Args:
        store: Argus's own bucket, for address and keys.
        folder: of the archive.
        pattern: over the keys in that folder.
        options: what holds for all batches.
        groups: takes in what fits.
        on_keys: told how many keys were read since it was told last.

    Raises:
        BadInput: there is nothing, or nothing fits the pattern.
        ArgusError: the bucket cannot be listed.
        Unavailable: the store does not answer.
    """
    found = Survey()
    groups.add(_fitting(store.elsewhere(folder.bucket), folder, pattern, options, found, on_keys))
    if not found.keys:
        raise BadInput("there is nothing", where=str(folder), expected="recordings")
    if found.unmatched.count == found.keys:
        raise BadInput(
            f"none of {found.keys:,} keys fits the pattern, such as {found.unmatched.first[0]}",
            where=str(folder),
            expected=pattern.text,
        )
    return found


def _fitting(
    archive: ObjectStore,
    folder: Address,
    pattern: Pattern,
    options: BatchOptions,
    found: Survey,
    on_keys: Callable[[int], None],
) -> Iterator[FoundFile]:
    try:
        for info in archive.list(folder.key):
            found.keys += 1
            found.bytes += info.size
            if found.keys % _TELL_EVERY == 0:
                on_keys(_TELL_EVERY)
            try:
                facts = pattern.read(info.key.removeprefix(folder.key))
                if facts is None:
                    _note_unmatched(found.unmatched, info.key.removeprefix(folder.key), pattern)
                    continue
                file = found_file(info, facts, options, folder)
            except BadInput as error:
                found.refused.add(f"{info.key!r}: {error}")
                continue
            if file.name != facts.name:
                found.renamed.add(f"{info.key!r} as {file.name}")
            yield file
    except Unavailable:
        raise
    except ArgusError as error:
        raise ArgusError(
            error.what,
            where=str(folder),
            hint="Argus's keys need s3:ListBucket on this bucket and s3:GetObject on what is in it",
        ) from error


def _note_unmatched(sample: Sample, key: str, pattern: Pattern) -> None:
    if not sample.wants_more:
        sample.count += 1
        return
    part = pattern.stops_at(key)
    why = "goes on behind the end of the pattern" if part is None else f"does not fit {part!r}"
    sample.add(f"{key!r} {why}")
