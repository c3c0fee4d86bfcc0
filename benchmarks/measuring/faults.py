"""What one fault costs: messages that come out beside messages that were in the recording.

Counting is not enough, since a tool may lose a message and make up another: what comes out of a
damaged recording is compared, message by message, with what the same tool makes of the clean one.
"""

from __future__ import annotations

import csv
import io
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import argus_native

from measuring.inputs import DLT, REC, Piece
from measuring.ours import specification
from measuring.peers import Peer

CLEAN_DLT, CLEAN_REC = "c_clean.dlt", "J7_v2.3.1_0001.rec"

RECORDINGS = {
    **{path.name: 2000 for path in sorted(DLT.glob("c_*.dlt"))},
    "damaged_garbage4k.rec": 6001,
    "damaged_length.rec": 6001,
    "damaged_truncated.rec": 2941,  # 2,940 whole ones and a torn one
}
"""Messages that each recording held before the fault, the damaged one included."""

CHANGED = {"c_magic_in_payload.dlt": 1}
"""Messages that are whole and right, but not as in the clean recording."""

CLUON_KEEPS = {"damaged_garbage4k.rec": 5999, "damaged_length.rec": 2940}
"""Rows that cluon-rec2csv writes, measured elsewhere."""

# Framing and time of reception are left out: some of the faults are a framing that has neither.
_IDENTITY = ("counter", "ecu", "app", "context", "type", "subtype", "text", "payload")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a tool made of one recording: messages that were in it, and others."""

    found: int
    made_up: int = 0
    ending: str = ""

    def text(self, expected: int) -> str:
        """Found, lost, and what else there is to say."""
        parts = [f"{self.found:,} (-{expected - self.found:,})"]
        parts += [f"+{self.made_up} made up"] if self.made_up else []
        parts += [self.ending] if self.ending else []
        return ", ".join(parts)


def ours(name: str) -> Outcome:
    """What the parser makes of a recording."""
    return _compare(name, _our_messages(name), _our_messages(_clean_of(name)))


def dlt_convert(peer: Peer, name: str) -> Outcome:
    """What `dlt-convert -a` prints, without its own numbering and the time of reception."""
    return _compare(name, _printed(peer, name), _printed(peer, CLEAN_DLT))


def counted(peer: Peer, name: str, *options: str) -> Outcome:
    """What a peer that only counts says: fields with tabs between, messages second, ending last."""
    ended = subprocess.run(
        [*peer.command, *options, str(DLT / name)], capture_output=True, text=True, check=False
    )
    fields = ended.stdout.rstrip("\n").split("\t")
    if len(fields) < 3:
        return Outcome(0, ending=f"status {ended.returncode}")
    found, ending = int(fields[1]), fields[-1]
    return Outcome(found, ending="" if ending == "end" else ending.partition(",")[0])


@dataclass(frozen=True, slots=True)
class Exhaustive:
    """The worst that any single fault did."""

    variants: int
    most_lost: int
    unaccounted: int
    """Variants of which decoded and quarantined bytes did not add up to the size."""


def every_truncation(piece: Piece) -> Exhaustive:
    """Cut at every byte: lost is what began before the cut and does not come out."""
    whole = _places(piece.content)[0]
    worst = unaccounted = 0
    for cut in range(len(piece.content)):
        places, accounted = _places(piece.content[:cut])
        worst = max(worst, len({place for place in whole if place[0] < cut} - places))
        unaccounted += not accounted
    return Exhaustive(len(piece.content), worst, unaccounted)


def every_change(piece: Piece) -> Exhaustive:
    """Each byte set to each other value: lost is what no longer is where it was."""
    whole = _places(piece.content)[0]
    worst = unaccounted = variants = 0
    for variant in _changed(piece.content):
        places, accounted = _places(variant)
        worst = max(worst, len(whole - places))
        unaccounted += not accounted
        variants += 1
    return Exhaustive(variants, worst, unaccounted)


def _changed(content: bytes) -> Iterator[bytearray]:
    variant = bytearray(content)
    for at, right in enumerate(content):
        for value in range(256):
            if value != right:
                variant[at] = value
                yield variant
        variant[at] = right


def _places(content: bytes | bytearray) -> tuple[set[tuple[int, int]], bool]:
    """Offset and size of each message, and whether every byte is accounted for."""
    parser = argus_native.Parser(specification=_SPECIFICATION)
    parser.feed(content)
    parser.finish()
    found = set()
    for batch in parser.take():
        if batch.table in _NO_MESSAGES:
            continue
        # Offset and size come first in every table of messages, so no text is cut apart by this.
        for line in batch.to_csv(header=False, line_end="\n").split(b"\n"):
            offset, _, rest = line.partition(b",")
            size = rest.partition(b",")[0]
            if offset.isdigit() and size.isdigit():
                found.add((int(offset), int(size)))
    accounted = parser.decoded_bytes + parser.quarantined_bytes == len(content)
    return found, accounted


_SPECIFICATION = specification()
_NO_MESSAGES = ("lifecycles", "sources")


def _compare(name: str, found: Counter[str], clean: Counter[str]) -> Outcome:
    known = (found & clean).total()
    others = found.total() - known
    changed = min(CHANGED.get(name, 0), others)
    return Outcome(known + changed, others - changed)


def _clean_of(name: str) -> str:
    return CLEAN_DLT if name.endswith(".dlt") else CLEAN_REC


def _our_messages(name: str) -> Counter[str]:
    folder = DLT if name.endswith(".dlt") else REC
    parser = argus_native.Parser(specification=_SPECIFICATION)
    parser.feed((folder / name).read_bytes())
    parser.finish()
    found: Counter[str] = Counter()
    for batch in parser.take():
        if batch.table in _NO_MESSAGES:
            continue
        for row in csv.DictReader(io.StringIO(batch.to_csv().decode(), newline="")):
            if batch.table != "messages":
                del row["offset"]
            kept = _IDENTITY if batch.table == "messages" else tuple(row)
            found["\t".join([batch.table, *(row[column] for column in kept)])] += 1
    return found


def _printed(peer: Peer, name: str) -> Counter[str]:
    ended = subprocess.run(
        [*peer.command, "-a", str(DLT / name)], capture_output=True, check=False
    ).stdout
    # Index, date and time of day come before the ECU's own time stamp.
    lines = ended.decode(errors="replace").splitlines()
    return Counter(line.split(" ", 3)[-1] for line in lines if line[:1].isdigit())
