"""What every section works with: the inputs, the peers, and how often to repeat."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from measuring.clock import warm
from measuring.inputs import Recording, typical_dlt, vehicle_rec, write_repeated
from measuring.peers import Peers, find_peers

MB, GB = 1_000_000, 1_000_000_000


@dataclass(frozen=True, slots=True)
class Bench:
    """Everything that a section needs."""

    folder: Path
    dlt: Recording
    small_dlt: Recording
    tiny_dlt: Recording
    rec: Recording
    peers: Peers
    rounds: int
    slow_rounds: int
    looped_bytes: int
    is_quick: bool
    is_big: bool


def prepare(folder: Path, cache: Path, *, is_quick: bool, is_big: bool) -> Bench:
    """Write the inputs into `folder`, read them once, and find the peers."""
    size = 20 * MB if is_quick else 200 * MB
    piece, both = typical_dlt(), vehicle_rec()
    bench = Bench(
        folder=folder,
        dlt=write_repeated(piece, folder / "typical.dlt", size),
        small_dlt=write_repeated(piece, folder / "small.dlt", size // 5),
        tiny_dlt=write_repeated(piece, folder / "tiny.dlt", 1),
        rec=write_repeated(both, folder / "vehicle.rec", size),
        peers=find_peers(cache, may_install=not is_quick),
        rounds=3 if is_quick else 5,
        slow_rounds=1 if is_quick else 3,
        looped_bytes=GB // 10 if is_quick else 10 * GB,
        is_quick=is_quick,
        is_big=is_big,
    )
    for recording in (bench.dlt, bench.small_dlt, bench.tiny_dlt, bench.rec):
        warm(recording.path)
    return bench
