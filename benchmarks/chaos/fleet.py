"""The demo fleet that runs again in each round, under other ids, with everything else the same.

Every batch has a platform of its own. What was diagnosed before, and how often a fault is usual,
are looked up by platform, so a report does not depend on the order in which batches come through.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from argus_pipeline.errors import Unavailable
from argus_pipeline.simulate.fleet import write_fleet
from argus_pipeline.storage.object_store import ObjectStore
from argus_pipeline.upload import client
from argus_pipeline.upload.files import find_files
from argus_pipeline.upload.options import BatchOptions, read_batch_file

MEGABYTES: Final = 0.1
# More than 16 recordings: they are parsed in processes of their own.
MANY: Final = 20
# Eight parts, and parsed in the process of its run.
LARGE_BYTES: Final = 120_000_000
_SAMPLES: Final = Path(__file__).resolve().parents[2] / "tests" / "data" / "dlt"
_NO_ONES: Final = str.maketrans("01234567", "23456789")
_PATIENCE_S: Final = 240.0
_TODAY: Final = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


@dataclass(frozen=True, slots=True)
class Named:
    """A batch of one round: its id and its platform, as long in every round."""

    batch: str
    platform: str


@dataclass(frozen=True, slots=True)
class Case:
    """One batch of the fleet: its files and what it is."""

    paths: Sequence[Path]
    options: BatchOptions


class Fleet:
    """`count` simulated batches, and behind them one of many recordings and a large one."""

    def __init__(self, folder: Path, count: int, seed: int) -> None:
        write_fleet(folder / "fleet", seed=seed, batches=count, megabytes=MEGABYTES)
        self.count = count
        self.cases = [
            Case([path], read_batch_file(path))
            for path in sorted((folder / "fleet").iterdir())
            if path.is_dir()
        ]
        many = folder / "many"
        many.mkdir()
        samples = sorted(_SAMPLES.glob("c_*.dlt"))
        for index in range(MANY):
            data = samples[index % len(samples)].read_bytes()
            (many / f"r{index:02}.dlt").write_bytes(data)
        self.cases.append(Case([many], BatchOptions("BENCH-MANY", "T2", "v5.1.0")))
        large = folder / "large"
        large.mkdir()
        # Of no known format: large for the uploader, and little work for everybody after it.
        (large / "large.bin").write_bytes(random.Random(seed).randbytes(LARGE_BYTES))
        (large / "golden.dlt").write_bytes((_SAMPLES / "golden.dlt").read_bytes())
        self.cases.append(Case([large], BatchOptions("BENCH-LARGE", "T2", "v5.1.0")))

    @property
    def many(self) -> int:
        """The index of the batch with many recordings."""
        return self.count

    @property
    def large(self) -> int:
        """The index of the batch that is uploaded in several parts."""
        return self.count + 1

    @staticmethod
    def named(turn: int, index: int) -> Named:
        """What a batch is called in a round."""
        name = f"{_wide(turn, 4)}-{_wide(index, 2)}"
        return Named(f"chaos-{name}", f"K{name}")

    def prepare(self, turn: int, index: int, more: Sequence[Path] = ()) -> client.Batch:
        """A batch, ready to be sent, `more` files among its own."""
        case, named = self.cases[index], self.named(turn, index)
        return client.prepare(
            find_files([*case.paths, *more]).files,
            replace(case.options, platform=named.platform),
            batch=named.batch,
            now=_TODAY,
        )


def _wide(number: int, digits: int) -> str:
    """A number in digits that always take the same room in a chart.

    A chart is as wide as its longest line, and two ones beside each other stand closer together.
    """
    return f"{number:0{digits}o}".translate(_NO_ONES)


def bring(store: ObjectStore, batch: client.Batch) -> None:
    """Upload a batch, and again as long as the store is away.

    Raises:
        Unavailable: it was away for all that time.
    """
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            client.upload(store, batch)
            return
        except Unavailable:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)
