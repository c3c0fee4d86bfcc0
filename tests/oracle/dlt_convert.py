"""What `dlt-convert -a` of GENIVI's dlt-tools prints, line by line, and our rows in its words."""

from __future__ import annotations

import os
import re
import struct
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from oracle.compare import read_csv
from oracle.dlt_payload import Argument, Row, text_of

TOOL = Path("/usr/bin/dlt-convert")
Line = dict[str, Any]

_LINE = re.compile(
    rb"(?P<index>\d+) (?P<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.-?\d{6}) +(?P<ticks>\d+|-{10}) "
    rb"(?P<counter>\d{3}) (?P<ecu>.{4}) (?P<app>.{4}) (?P<context>.{4}) (?P<type>\S*) "
    rb"(?P<subtype>\S*) (?P<mode>[VN]) (?P<arguments>\d+|-) \[(?P<payload>.*)\]",
    re.DOTALL,
)
# Its library's complaints stand between the lines.
_COMPLAINT = re.compile(rb"\[ *\d+\.\d+\]~DLT~")

_TYPES = {"network_trace": "nw_trace"}
_SUBTYPES = {
    ("app_trace", "function_in"): "func_in",
    ("app_trace", "function_out"): "func_out",
    # It knows a sub-type 5 from an older standard, and no 6.
    ("network_trace", "ethernet"): "vfb",
    ("network_trace", "someip"): "",
}
_STATUS = {
    0: "ok",
    1: "not_supported",
    2: "error",
    3: "perm_denied",
    4: "warning",
    8: "no_matching_context_id",
}
# The services that it names; of others it shows the number.
_NAMED_SERVICES = range(0x01, 0x15)


def convert(path: Path) -> list[Line]:
    """The fields of each line that it prints for a recording."""
    done = subprocess.run(
        [TOOL, "-a", path], capture_output=True, env={**os.environ, "TZ": "UTC"}, check=False
    )
    lines = []
    for line in done.stdout.split(b"\n"):
        if not line or _COMPLAINT.match(line):
            continue
        found = _LINE.fullmatch(line)
        assert found, f"a line of another form: {line!r}"
        lines.append(
            {
                name: text_of(value) if name == "payload" else value.decode("utf-8", "replace")
                for name, value in found.groupdict().items()
            }
        )
    return lines


class Difference(NamedTuple):
    """A field of one of its lines, and our row in its words."""

    line: int
    field: str
    theirs: str
    ours: str


def differences(
    csv: bytes, lines: Sequence[Line], data: bytes, messages: Sequence[Row]
) -> Iterator[Difference]:
    """Where it says something else than `messages.csv`, as far as both of them have lines.

    Args:
        csv: our table.
        lines: its lines.
        data: the recording, for the bytes that it prints and we decode.
        messages: the independent decoder's messages, for names, units and kinds of arguments.
    """
    rows = read_csv(csv)
    for index, (row, line, message) in enumerate(zip(rows, lines, messages, strict=False)):
        bytes_ = data[int(row["offset"]) :][: int(row["size"])]
        for name, value in in_its_words(index, row, bytes_, message).items():
            if line[name] != value:
                yield Difference(index, name, line[name], value)


def in_its_words(index: int, row: dict[str, str], bytes_: bytes, message: Row) -> Line:
    """A row of ours as it would print it, given that message's bytes and arguments."""
    extended = row["type"] != ""
    date, _, clock = row["storage_time"].removesuffix("Z").partition("T")
    count = bytes_[_extended_at(bytes_) + 1] if extended else None
    return {
        "index": str(index),
        "time": f"{date.replace('-', '/')} {clock[:-3]}",
        "ticks": f"{round(float(row['uptime_s']) * 10_000)}" if row["uptime_s"] else "-" * 10,
        "counter": f"{int(row['counter']):03}",
        "ecu": row["ecu"].ljust(4, "-"),
        "app": row["app"].ljust(4, "-"),
        "context": row["context"].ljust(4, "-"),
        "type": _TYPES.get(row["type"], row["type"]) or "---",
        "subtype": _subtype(row) if extended else "---",
        "mode": "V" if row["verbose"] == "true" else "N",
        "arguments": "-" if count is None else str(count),
        "payload": _payload(row, bytes_, message),
    }


def _extended_at(bytes_: bytes) -> int:
    """Where the extended header begins, behind a storage header and the fields that HTYP names."""
    return 20 + 4 * (bytes_[16] & 0x1C).bit_count()


def _subtype(row: dict[str, str]) -> str:
    known = _SUBTYPES.get((row["type"], row["subtype"]), row["subtype"])
    return "" if known.startswith("reserved") else known


def _payload(row: dict[str, str], bytes_: bytes, message: Row) -> str:
    if row["verbose"] == "true":
        return _verbose(row["text"], message["arguments"])
    if row["type"] != "control":
        return f"{row['message_id']}, {bytes.fromhex(row['payload']).hex(' ')}"
    payload = bytes_[_extended_at(bytes_) + 10 :]
    (service,) = struct.unpack_from(">I" if bytes_[16] & 2 else "<I", payload)
    shown = row["service"] if service in _NAMED_SERVICES else f"service({service})"
    if row["subtype"] != "response":
        return ", ".join(part for part in (shown, payload[4:].hex(" ")) if part)
    status = _STATUS.get(payload[4], f"{payload[4]:02x}")
    ours = status.replace("_", " ")
    assert row["text"].startswith(f"{row['service']} {ours}"), f"{row['text']!r}, {status}"
    return ", ".join(part for part in (shown, status, payload[5:].hex(" ")) if part)


def _verbose(text: str, arguments: Sequence[Argument]) -> str:
    """Our text without the names and units that it leaves out, and floats with its 6 digits."""
    shown = []
    for index, argument in enumerate(arguments):
        if index:
            text = _without(text, " ")
        if argument.name:
            text = _without(text, f"{argument.name}: ")
        if argument.kind == "float":
            number = text.split(" ")[0]
            assert _reads_back(number, argument.value), f"{number!r} for {argument.value!r}"
            text = _without(text, number)
            shown.append(f"{argument.value:g}")
        else:
            text = _without(text, argument.shown)
            shown.append(argument.shown.replace("\r", " ").replace("\n", " "))
        if argument.unit:
            text = _without(text, f" {argument.unit}")
    assert not text, f"{text!r} after the last argument"
    return " ".join(shown)


def _without(text: str, prefix: str) -> str:
    assert text.startswith(prefix), f"{prefix!r} wanted in {text!r}"
    return text[len(prefix) :]


def _reads_back(number: str, value: float) -> bool:
    found = float(number)
    if value != value:
        return found != found
    return found == value or struct.pack("<f", found) == struct.pack("<f", value)
