"""The `.dlt` recording of some ECUs on one drive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from argus_pipeline.simulate.chatter import CHATTER
from argus_pipeline.simulate.dice import Dice
from argus_pipeline.simulate.dlt_encoder import (
    GET_SOFTWARE_VERSION,
    TICKS_PER_SECOND,
    Argument,
    Body,
    Text,
    Unsigned,
    buffer_overflow,
    control_request,
    log,
    message,
    software_version,
    timezone,
)
from argus_pipeline.simulate.drive import ECUS, SECOND, Drive, Fault, Progress
from argus_pipeline.simulate.recording import Recording, Written

_TICK: Final = SECOND // TICKS_PER_SECOND
# Of the messages in CHATTER, storage header included: how many fill the size that is asked for.
_CHATTER_BYTES: Final = 82
_UPDATER: Final = "GW"


class _Line(NamedTuple):
    time: int
    ecu: str
    body: Body
    fault: Fault | None = None
    lost_here: int = 0


@dataclass(slots=True)
class _Sender:
    """An ECU's counters, one for each context as libdlt counts; they start again with the ECU.

    What is lost is missing in the count of the context that speaks next.
    """

    since: int = -1
    lost: int = 0
    counters: dict[bytes, int] = field(default_factory=dict)

    def count(self, body: Body) -> int:
        """The counter of the next message; control messages have none."""
        if body.is_control:
            return 0
        counter = self.counters.get(body.extended[2:], 0)
        if counter and self.lost:
            counter, self.lost = counter + self.lost, 0
        self.counters[body.extended[2:]] = counter + 1
        return counter


def write_dlt(
    drive: Drive, ecus: Sequence[str], *, size: int, lost: int, package: str, dice: Dice
) -> Recording:
    """Write what these ECUs say on a drive.

    Args:
        drive: the course of the drive.
        ecus: whose messages the recording has.
        size: about how many bytes it shall have; never less than the drive's events need.
        lost: how many messages the first ECU loses, halfway.
        package: the version that the update brings.
        dice: for this recording alone.
    """
    lines = list(_boot_lines(drive, ecus))
    if _UPDATER in ecus:
        lines += _update_lines(drive, package, dice)
    lines += _fault_lines(drive, ecus)
    if lost:
        halfway = drive.when_running(ecus[0], (drive.start + drive.end) // 2 + 60 * SECOND)
        lines.append(_Line(halfway, ecus[0], buffer_overflow(lost), lost_here=lost))
    lines += _chatter_lines(drive, ecus, max(size // _CHATTER_BYTES - len(lines), 0), dice)
    lines.sort(key=lambda line: line.time)
    return _write(drive, lines, dice)


def _boot_lines(drive: Drive, ecus: Sequence[str]) -> Iterator[_Line]:
    for ecu in ecus:
        for boot in drive.boots[ecu]:
            text = f"{ecu} started, firmware {boot.firmware}, reason: {boot.reason}"
            yield _Line(boot.up, ecu, log("info", "SYS", "BOOT", [Text(text)]))
            yield _Line(boot.up + SECOND // 50, ecu, control_request(GET_SOFTWARE_VERSION))
            yield _Line(boot.up + SECOND // 40, ecu, software_version(boot.firmware))
            yield _Line(boot.up + SECOND // 30, ecu, timezone(3600))


def _update_lines(drive: Drive, package: str, dice: Dice) -> Iterator[_Line]:
    begin: dict[str, int] = {}
    previous: Progress | None = None
    for step in drive.progress:
        began = begin.setdefault(step.state, step.time)
        time = drive.when_running(_UPDATER, step.time)
        if step.state == "ROLLBACK" and previous is not None and previous.state != "ROLLBACK":
            text = f"activation of package {package} failed, self test rc=-{dice.whole(2, 30)}"
            yield _Line(time - SECOND // 10, _UPDATER, log("error", "UPDM", "INST", [Text(text)]))
        level = "warn" if step.state == "ROLLBACK" else "info"
        elapsed = (step.time - began) // 1_000_000
        text = f"[{step.state}] slot=B package sw-bundle-{package} progress {step.percent}%"
        arguments: list[Argument] = [Text(text), Unsigned(elapsed, "elapsed", "ms")]
        yield _Line(time, _UPDATER, log(level, "UPDM", "INST", arguments))
        previous = step


def _fault_lines(drive: Drive, ecus: Sequence[str]) -> Iterator[_Line]:
    occurrences: dict[str, int] = {}
    for fault in drive.faults:
        kind = fault.kind
        if kind.ecu not in ecus:
            continue
        occurrences[kind.code] = occurrences.get(kind.code, 0) + 1
        count = Unsigned(occurrences[kind.code], "occurrence")
        body = log(fault.level, kind.app, kind.context, [Text(fault.text), count])
        yield _Line(fault.time, kind.ecu, body, fault)


def _chatter_lines(drive: Drive, ecus: Sequence[str], count: int, dice: Dice) -> Iterator[_Line]:
    step = (drive.end - drive.start) // max(count, 1)
    for i in range(count):
        time = drive.start + i * step + dice.whole(0, step - 1)
        ecu = dice.pick(ecus)
        if drive.running_since(ecu, time) is not None:
            yield _Line(time, ecu, dice.pick(CHATTER[ecu])(dice))


def _write(drive: Drive, lines: Sequence[_Line], dice: Dice) -> Recording:
    data = bytearray()
    written = []
    senders = {ecu: _Sender() for ecu in ECUS}
    for line in lines:
        sender = senders[line.ecu]
        since = drive.running_since(line.ecu, line.time)
        if since is None:
            raise ValueError(f"{line.ecu} says something while it is down")
        if since != sender.since:
            sender = senders[line.ecu] = _Sender(since)
        sender.lost += line.lost_here
        # The receiver's clock is a little late, by the way through the vehicle's network.
        delay = dice.whole(100_000, 3_000_000)
        bytes_ = message(
            line.body,
            time_ns=line.time,
            ecu=line.ecu,
            counter=sender.count(line.body),
            session_id=1000 + ECUS.index(line.ecu) if line.ecu == "IVI" else None,
            ticks=max(line.time - since - delay, 0) // _TICK,
        )
        written.append(Written(len(data), len(bytes_), line.time, line.fault))
        data += bytes_
    return Recording(bytes(data), tuple(written))
