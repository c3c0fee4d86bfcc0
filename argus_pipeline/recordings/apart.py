"""Somebody else's decoder in a process of its own, so that it can take down nothing but itself.

A decoder may be native code that dereferences a null pointer. In the process of a run it would end
the whole batch, and every attempt at it again; here it ends one recording, which is quarantined
with the reason. Starting the process takes about half a second for a recording.

The process writes a line of JSON for each batch of rows, and the batch as an Arrow stream behind
it. What comes out was checked by `PluginReader` there.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

import pyarrow as pa

from argus_pipeline.errors import Unavailable
from argus_pipeline.recordings.decoders import Decoder, installed_decoders, spoken
from argus_pipeline.recordings.plugin_reader import PluginBatch, PluginReader

_COUNTS: Final = ("decoded_bytes", "quarantined_bytes", "rows", "fault_count")
# Sent by whoever ends processes, or by the kernel when memory runs out: not the recording's doing.
_FROM_OUTSIDE: Final = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


class ApartReader:
    """Iterate over it once for the batches, as over a `PluginReader`; then every byte is counted.

    Args:
        decoder: an installed one; the process finds it by its name.
        path: the recording as a plain file.
        size: of that file.

    Raises:
        Unavailable: while it is iterated over, the process was ended from outside.
    """

    def __init__(self, decoder: Decoder, path: Path, size: int) -> None:
        self.format: str = decoder.name
        self.read_by = spoken(decoder)
        """The decoder's name and version."""
        self.bytes_in = size
        self.decoded_bytes = 0
        self.quarantined_bytes = 0
        self.rows = 0
        self.fault_count = 0
        self._path = path
        self._faults: list[tuple[int, int, str]] = []

    @property
    def undecoded(self) -> dict[str, int]:
        """What was kept as raw bytes: nothing, as decoders of others do not say so."""
        return {}

    def take_faults(self) -> list[tuple[int, int, str]]:
        """Offset, length and reason of the faults since the last call."""
        taken, self._faults = self._faults, []
        return taken

    def __iter__(self) -> Iterator[PluginBatch]:
        reading, writing = os.pipe()
        try:
            child = subprocess.Popen(
                [sys.executable, "-m", __name__, self.format, str(self._path), str(writing)],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(p or os.curdir for p in sys.path)},
                stdin=subprocess.DEVNULL,
                stdout=2,  # what it prints must not get among what we print
                pass_fds=(writing,),
            )
        except OSError as error:
            os.close(reading)
            raise Unavailable(f"no process for {self.read_by}: {error}") from error
        finally:
            os.close(writing)
        ended = False
        try:
            with open(reading, "rb") as stream:
                while (said := _next(stream)) is not None:
                    for name in _COUNTS:
                        setattr(self, name, said[name])
                    self._faults += [(o, n, reason) for o, n, reason in said["faults"]]
                    if said["table"] is None:
                        ended = True
                        break
                    yield PluginBatch(said["table"], said["batch"])
        except GeneratorExit:  # nobody wants the rest
            child.terminate()
            raise
        finally:
            child.wait()
        if not ended:
            self._give_up_on_the_rest(child.returncode)

    def _give_up_on_the_rest(self, status: int) -> None:
        how = f"with exit status {status}"
        if status < 0:
            ended_by = signal.Signals(-status)
            how = f"by {ended_by.name}"
            if ended_by in _FROM_OUTSIDE:
                raise Unavailable(
                    f"the process of the decoder {self.read_by} was ended {how}",
                    where=self._path.name,
                    hint="Where memory runs out, the kernel ends processes so",
                )
        counted = self.decoded_bytes + self.quarantined_bytes
        rest = self.bytes_in - counted
        if rest:
            self.quarantined_bytes += rest
            self.fault_count += 1
            reason = f"the decoder {self.read_by} crashed: its process ended {how}"
            self._faults.append((counted, rest, reason))


def _next(stream: IO[bytes]) -> dict[str, Any] | None:
    """The next thing that the process says; None where it says no more."""
    line = stream.readline()
    if not line.endswith(b"\n"):
        return None
    said: dict[str, Any] = json.loads(line)
    data = stream.read(said["size"])
    if len(data) < said["size"]:
        return None
    if data:
        with pa.ipc.open_stream(data) as rows:
            said["batch"] = rows.read_next_batch()
    return said


def _main() -> None:
    # Whoever started us may ignore these, and that is inherited: a decoder that hangs has to end.
    for stopping in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stopping, signal.SIG_DFL)
    name, path, file = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    decoder = next(one for one in installed_decoders().decoders if one.name == name)
    reader = PluginReader(decoder, path, path.stat().st_size)

    with open(file, "wb") as stream:

        def say(table: str | None, data: bytes) -> None:
            counts = {count: getattr(reader, count) for count in _COUNTS}
            said = {"table": table, "size": len(data), "faults": reader.take_faults(), **counts}
            stream.write(json.dumps(said).encode() + b"\n")
            stream.write(data)
            stream.flush()

        for batch in reader:
            say(batch.table, batch.to_ipc())
        say(None, b"")


if __name__ == "__main__":
    _main()
