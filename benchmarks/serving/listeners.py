"""Many listeners to server-sent events, in one process over plain sockets."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(eq=False)
class Listener:
    """One reader of a stream: the ids that it got, and when (`time.time`)."""

    url: str
    got: list[tuple[int, float]] = field(default_factory=list)
    _task: asyncio.Task[None] | None = None
    _begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def connect(self) -> None:
        """Begin, where it left off."""
        self._begun.clear()
        self._task = asyncio.create_task(self._read())
        await asyncio.wait_for(self._begun.wait(), 30)

    async def leave(self) -> None:
        """Let the connection go."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _read(self) -> None:
        parts = urlsplit(self.url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        last = f"Last-Event-ID: {self.got[-1][0]}\r\n" if self.got else ""
        head = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{last}\r\n"
        writer.write(head.encode())
        try:
            place = None
            while line := await reader.readline():
                if line.startswith(b"retry:"):
                    self._begun.set()
                elif line.startswith(b"id: "):
                    place = int(line[4:])
                elif line.startswith(b"data: ") and place is not None:
                    json.loads(line[6:])
                    self.got.append((place, time.time()))
                    place = None
        finally:
            writer.close()
