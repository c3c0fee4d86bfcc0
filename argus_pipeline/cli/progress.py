"""A progress bar on stderr, for commands that read recordings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def progress_bar(title: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar that is there when stderr is a terminal, and gone at the end.

    Args:
        title: what goes on.
        total: bytes in all; None where nobody knows.

    Yields:
        A callback for the bytes that were done, which several threads may call.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(
        *columns, console=console, disable=not console.is_terminal, transient=True
    ) as bar:
        task = bar.add_task(title, total=total)
        yield lambda count: bar.advance(task, count)


def total_size(recordings: Iterable[Path]) -> int | None:
    """Bytes of all of them; None where one is a pipe or a device, whose end nobody knows."""
    if not all(path.is_file() for path in recordings):
        return None
    return sum(path.stat().st_size for path in recordings)
