"""A door in front of the S3 store that can be jammed: it answers 503, is slow, or cuts.

It passes on bytes as they are, so signatures stay good. Only 127.0.0.1, as everything here.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from enum import Enum
from typing import Final

HOST: Final = "127.0.0.1"
_CHUNK: Final = 64 * 1024
_SLOW_SECONDS: Final = 0.4
_CUT_ONE_IN: Final = 6
_BUSY: Final = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>SlowDown</Code>'
    b"<Message>Please reduce your request rate.</Message></Error>"
)


class Mood(Enum):
    """How the door behaves."""

    WELL = "well"
    BUSY = "answers 503"
    SLOW = "slow"
    CUTTING = "cuts connections"


class Proxy:
    """Listens from `start` to `stop`; `mood` may be changed at any time, by any thread."""

    def __init__(self, target: int, seed: int) -> None:
        self.port = 0
        self.struck = 0
        """Requests or pieces that met the bad mood."""
        self._target = target
        self._mood = Mood.WELL
        self._dice = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def endpoint(self) -> str:
        """Its address."""
        return f"http://{HOST}:{self.port}"

    @property
    def mood(self) -> Mood:
        """How it behaves now."""
        return self._mood

    @mood.setter
    def mood(self, mood: Mood) -> None:
        self._mood = mood
        if mood is Mood.BUSY:
            # Clients keep connections; they have to come again to be refused.
            self._loop.call_soon_threadsafe(self._hang_up)

    def start(self) -> None:
        """Listen on a free port."""
        self._thread.start()
        serve = asyncio.start_server(self._serve, HOST, 0)
        self._server = asyncio.run_coroutine_threadsafe(serve, self._loop).result(10)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """End, with all connections."""

        async def close() -> None:
            self._server.close()
            self._hang_up()

        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _hang_up(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            if self._mood is Mood.BUSY:
                await self._refuse(reader, writer)
                return
            try:
                store = await asyncio.open_connection(HOST, self._target)
            except OSError:
                return  # the store is away: so is its door
            self._open.add(store[1])
            try:
                ways = [
                    asyncio.ensure_future(self._pass_on(reader, store[1])),
                    asyncio.ensure_future(self._pass_on(store[0], writer)),
                ]
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
            finally:
                self._open.discard(store[1])
                store[1].transport.abort()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            self._open.discard(writer)
            with contextlib.suppress(OSError):
                writer.close()

    async def _refuse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.struck += 1
        head = (
            "HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\n"
            f"Content-Length: {len(_BUSY)}\r\nConnection: close\r\n\r\n"
        )
        writer.write(head.encode() + _BUSY)
        await writer.drain()
        # What is left of the request is read, or the client would see a reset and not the answer.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                while await reader.read(_CHUNK):
                    pass

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                if self._mood is Mood.SLOW:
                    self.struck += 1
                    await asyncio.sleep(self._dice.uniform(0, 2 * _SLOW_SECONDS))
                elif self._mood is Mood.CUTTING and self._dice.randrange(_CUT_ONE_IN) == 0:
                    self.struck += 1
                    writer.write(data[: self._dice.randrange(len(data))])
                    await writer.drain()
                    return
                writer.write(data)
                await writer.drain()
