"""A written recording, with an index of what stands where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from argus_pipeline.simulate.drive import Fault


class Written(NamedTuple):
    """One message: where it stands (bytes), when it was (ns), and the fault that it reports."""

    offset: int
    size: int
    time: int
    fault: Fault | None


@dataclass(frozen=True, slots=True)
class Recording:
    """The bytes of a recording and its messages in the order of the file."""

    data: bytes
    messages: tuple[Written, ...]
