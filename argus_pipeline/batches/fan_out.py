"""How the work on a batch is divided: over steps, and in one process or several.

Measured with dagster 1.13 on 2 cores: a mapped step costs 0.1 s in process and about 1 s in a
process of its own, so a step a file is right for a few files and ruinous for thousands.
"""

from __future__ import annotations

import heapq
import os
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from argus_pipeline.batches.limits import Limits
from argus_pipeline.batches.manifest import BatchFile, Manifest
from argus_pipeline.engine.options import Engine, Sizes, engine_from, read_sizes
from argus_pipeline.engine.queues import LARGE_TAG

SHARDS_TOGETHER: Final = 100
MAX_RUNTIME_TAG: Final = "dagster/max_runtime"
# What a forked step would otherwise import again, seconds of it.
PRELOADED_MODULES: Final = ("argus_pipeline.definitions", "polars", "pyarrow.parquet", "boto3")


@dataclass(frozen=True, slots=True)
class Shard:
    """Recordings of a batch that are parsed together, in threads."""

    batch: str
    key: str
    recordings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bundle:
    """What one mapped step parses: a shard, or those of many batches.

    `key` is what the step is called in the UI.
    """

    key: str
    shards: tuple[Shard, ...]


def plan_shards(
    batch: str, recordings: Sequence[BatchFile], sizes: Sizes | None = None
) -> Sequence[Shard]:
    """One shard a recording up to 16; beyond, 8 shards balanced by bytes, largest file first."""
    sizes = sizes or read_sizes()
    if len(recordings) <= sizes.large_files:
        return [
            Shard(batch, f"{_identifier(file.name)}_{index}", (file.name,))
            for index, file in enumerate(recordings)
        ]
    loads: list[tuple[int, int]] = [(0, shard) for shard in range(sizes.shards)]
    members: list[list[str]] = [[] for _ in range(sizes.shards)]
    for file in sorted(recordings, key=lambda f: (-f.size, f.name)):
        load, shard = heapq.heappop(loads)
        members[shard].append(file.name)
        # A file of no bytes still costs a few requests.
        heapq.heappush(loads, (load + max(file.size, 1), shard))
    return [Shard(batch, f"shard_{i}", tuple(names)) for i, names in enumerate(members)]


def bundle(shards: Sequence[Shard]) -> Sequence[Bundle]:
    """The mapped steps for these shards: one each, or few for those of many batches."""
    if len({shard.batch for shard in shards}) <= 1:
        return [Bundle(shard.key, (shard,)) for shard in shards]
    return [
        Bundle(f"part_{at // SHARDS_TOGETHER}", tuple(shards[at : at + SHARDS_TOGETHER]))
        for at in range(0, len(shards), SHARDS_TOGETHER)
    ]


def is_large(manifest: Manifest, sizes: Sizes | None = None) -> bool:
    """Whether the work on a batch is worth dividing over processes or workers."""
    sizes = sizes or read_sizes()
    size = sum(file.size for file in manifest.files)
    return size > sizes.large_bytes or len(manifest.recordings) > sizes.large_files


def execution_config(
    manifest: Manifest, *, engine: Engine | None = None, cpus: int | None = None
) -> Mapping[str, Any]:
    """Dagster's run config for the executor.

    In process for a small batch; a large one over processes, or over workers where there are any.
    """
    if not is_large(manifest):
        return {"execution": {"config": {"in_process": {}}}}
    engine = engine or engine_from()
    if engine is Engine.CELERY:
        return {"execution": {"config": {"workers": {}}}}
    if engine is Engine.KUBERNETES:
        # Not the cores of the host of the code server, but those that the run's pod asks for.
        cpus = cpus or read_sizes().large_cpus
    return {
        "execution": {
            "config": {
                "multiprocess": {
                    "max_concurrent": cpus or os.cpu_count() or 1,
                    "start_method": {"forkserver": {"preload_modules": list(PRELOADED_MODULES)}},
                }
            }
        }
    }


def engine_tags(manifest: Manifest, limits: Limits) -> Mapping[str, str]:
    """Tags of a run by which an engine knows where to put it, and when to end it at the latest."""
    size = sum(file.size for file in manifest.files)
    tags = {MAX_RUNTIME_TAG: str(limits.time_limit_s(size))}
    return {**tags, LARGE_TAG: "true"} if is_large(manifest) else tags


@dataclass(frozen=True, slots=True)
class Accounting:
    """The recordings that came back beside those that the manifest names."""

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    repeated: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether every recording came back just once."""
        return not (self.missing or self.unexpected or self.repeated)

    def __str__(self) -> str:
        parts = [
            f"{len(names)} {word}: {', '.join(names[:10])}{', …' if len(names) > 10 else ''}"
            for word, names in (
                ("missing", self.missing),
                ("unexpected", self.unexpected),
                ("repeated", self.repeated),
            )
            if names
        ]
        return "; ".join(parts) or "every recording is accounted for"


def account(expected: Collection[str], found: Sequence[str]) -> Accounting:
    """Compare what the collect step got with what the manifest names."""
    wanted, got = set(expected), set(found)
    return Accounting(
        tuple(sorted(wanted - got)),
        tuple(sorted(got - wanted)),
        tuple(sorted(name for name, times in Counter(found).items() if times > 1)),
    )


def _identifier(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")[:60] or "file"
