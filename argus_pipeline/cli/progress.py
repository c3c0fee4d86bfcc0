"""Progress bars on stderr, for commands that read or upload recordings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from argus_pipeline.upload.client import Progress


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


@contextmanager
def upload_progress(console: Console) -> Iterator[Progress]:
    """A bar for each stage of an upload, where there is a terminal."""
    from rich import progress as rich_progress

    from argus_pipeline.upload.client import Stage

    with rich_progress.Progress(
        rich_progress.TextColumn("{task.description}"),
        rich_progress.BarColumn(),
        rich_progress.DownloadColumn(),
        rich_progress.TransferSpeedColumn(),
        rich_progress.TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    ) as bar:

        class Shown:
            """An upload's progress as a bar for each stage."""

            def __init__(self) -> None:
                self._tasks: dict[Stage, rich_progress.TaskID] = {}

            def began(self, stage: Stage, total: int) -> None:
                self._tasks[stage] = bar.add_task(stage.value, total=total)

            def advanced(self, stage: Stage, amount: int) -> None:
                bar.advance(self._tasks[stage], amount)

        yield Shown()
