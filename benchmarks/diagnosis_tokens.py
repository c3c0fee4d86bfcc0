"""Does the bill of a diagnosis grow with the log?

    python benchmarks/diagnosis_tokens.py [--real-mb 100]

For each scenario of `argus simulate`: a batch of 1 MB and one of `--real-mb`, both parsed by the
real parser, and the batch of 1 MB as if it had been 100 GB: a hundred thousand recordings like its
own, every count and size multiplied. What a language model would read of each is counted (by
estimate: 4 ASCII characters are a token, any other is one). Beside it, what the log itself would
take. It exits with 1 where 100 GB take more than 10 % more or less than 1 MB.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from measuring.ending import clean_up_on_kill

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import polars as pl
from diagnosis.recorded import Recorded, recorded

from argus_pipeline.batches.manifest import BatchFile
from argus_pipeline.database.engine import create_engine
from argus_pipeline.database.migrate import migrate
from argus_pipeline.diagnosis.pipeline import make_case, supervise
from argus_pipeline.diagnosis.prompt import turns
from argus_pipeline.knowledge.embedding import LocalEmbedder
from argus_pipeline.knowledge.files import read_articles, starter_articles
from argus_pipeline.knowledge.store import import_articles
from argus_pipeline.language_model.tokens import token_estimate
from argus_pipeline.simulate.fleet import write_fleet
from argus_pipeline.stack.postgres import PostgresServer
from argus_pipeline.statistics.batch import BatchStatistics

TIMES = 100_000
BAR = 0.10
# Of the frames of a batch: what grows with the number of its recordings.
_COUNTS = frozenset(
    (
        "messages",
        "events",
        "critical_events",
        "coded",
        "fingerprinted",
        "unplaced",
        "decoded_bytes",
        "quarantined_bytes",
        "fault_count",
        "unread_bytes",
        "recordings",
        "lost",
        "lost_messages",
        "gaps",
        "hours",
        "rows",
        "missing",
        "moments",
        "below",
        "above",
    )
)


def hundred_gigabytes(small: Recorded) -> Recorded:
    """The batch with every count and size multiplied, and as many recordings."""
    frames = {
        name: frame.with_columns(
            (pl.col(column).cast(pl.Float64) * TIMES).cast(kind)
            for column, kind in frame.schema.items()
            if column in _COUNTS and kind.is_numeric()
        )
        for name, frame in small.statistics.frames().items()
    }
    file = small.manifest.files[0]
    files = tuple(BatchFile(f"r{n:07}.dlt", file.size, file.sha256) for n in range(3 * TIMES))
    results = [
        replace(r, size=r.size * TIMES, rows=r.rows * TIMES, decoded_bytes=r.decoded_bytes * TIMES)
        for r in small.results
    ]
    manifest = replace(small.manifest, files=files)
    return Recorded(manifest, results, BatchStatistics(**frames))


def main() -> int:
    clean_up_on_kill()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--real-mb", type=float, default=100.0)
    options = parser.parse_args()
    embedder = LocalEmbedder()
    with tempfile.TemporaryDirectory(prefix="argus-bench-", dir="/tmp") as folder:
        root = Path(folder)
        server = PostgresServer(root / "postgres", durable=False)
        server.start()
        try:
            server.ensure_database("bench")
            migrate(server.url("bench"))
            engine = create_engine(server.url("bench"))
            import_articles(engine, read_articles([starter_articles()]).articles, embedder)

            def tokens(batch: Recorded) -> int:
                case = make_case(batch.manifest, batch.results, batch.statistics)
                found = supervise(case, engine, embedder).diagnosis
                return sum(token_estimate(turn.text) for turn in turns(found))

            write_fleet(root / "small", batches=6, megabytes=1.0)
            write_fleet(root / "large", batches=6, megabytes=options.real_mb)
            print(
                f"{'scenario':40} {'1 MB':>8} {options.real_mb:>6.0f} MB {'100 GB':>8}  log itself"
            )
            worst = 0.0
            for small in sorted((root / "small").iterdir()):
                if not small.is_dir():
                    continue
                one = read(root / "parsed" / "small" / small.name, small)
                real = read(root / "parsed" / "large" / small.name, root / "large" / small.name)
                counts = [tokens(one), tokens(real), tokens(hundred_gigabytes(one))]
                worst = max(worst, abs(counts[2] / counts[0] - 1))
                print(
                    f"{small.name:40} {counts[0]:8,} {counts[1]:9,} {counts[2]:8,}"
                    f"  {100e9 / 4 / counts[2]:,.0f} × as many"
                )
            engine.dispose()
        finally:
            server.stop()
    print(f"100 GB against 1 MB, the worst: {100 * worst:.1f} % (bar {100 * BAR:.0f} %)")
    return 0 if worst <= BAR else 1


def read(folder: Path, batch: Path) -> Recorded:
    """A batch's recordings, parsed."""
    files = sorted(p for p in batch.iterdir() if p.suffix in {".dlt", ".rec"})
    specification = next(iter(sorted(batch.glob("*.odvd"))), None)
    folder.mkdir(parents=True)
    return recorded(folder, files, specification)


if __name__ == "__main__":
    sys.exit(main())
