"""The `.rec` recording of one drive: identity, position, brakes, power, update and faults."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from argus_pipeline.simulate import vehicle_messages as types
from argus_pipeline.simulate.dice import Dice
from argus_pipeline.simulate.dlt_encoder import LEVELS
from argus_pipeline.simulate.drive import SECOND, Dip, Drive, Fault
from argus_pipeline.simulate.rec_encoder import MessageType, envelope
from argus_pipeline.simulate.recording import Recording, Written
from argus_pipeline.simulate.scenarios import Scenario
from argus_pipeline.simulate.vehicles import Vehicle

# Of the periodic envelopes, on average: how many fill the size that is asked for.
_ENVELOPE_BYTES: Final = 73
_DIP_SAMPLES: Final = 5
_DIP_STEP: Final = SECOND // 4
SUPPLY_TABLE: Final = "vehicle.PowerState-0"
"""The 12 V supply; sender 1 is the high-voltage battery."""


class Sample(NamedTuple):
    """One envelope before it is written."""

    time: int
    kind: MessageType
    sender: int
    values: tuple[Any, ...]
    fault: Fault | None = None


class DipSample(NamedTuple):
    """A sample of the supply voltage (V, as a 32-bit float holds it) during a dip."""

    time: int
    volts: float
    code: str


def write_rec(
    drive: Drive, scenario: Scenario, vehicle: Vehicle, *, size: int, dice: Dice
) -> tuple[Recording, tuple[DipSample, ...]]:
    """Write a drive's signals.

    Args:
        drive: the course of the drive.
        scenario: for the versions of the update.
        vehicle: whose drive it is.
        size: about how many bytes it shall have; never less than the drive's events need.
        dice: for this recording alone.

    Returns:
        The recording, and the samples in which the supply voltage is too low.
    """
    dips = tuple(sample for dip in drive.dips for sample in _dip_samples(dip, dice))
    samples = [*_identities(drive, vehicle), *_faults(drive, vehicle)]
    samples += _update(drive, scenario, vehicle)
    samples += [Sample(s.time, types.POWER_STATE, 0, _supply(drive, s, dice)) for s in dips]
    samples += _periodic(drive, vehicle, max(size // _ENVELOPE_BYTES - len(samples), 0), dice)
    samples.sort(key=lambda sample: sample.time)
    data = bytearray()
    written = []
    for sample in samples:
        encoded = envelope(
            sample.kind,
            sample.values,
            sample_ns=sample.time,
            delay_us=dice.whole(90, 450),
            sender=sample.sender,
        )
        written.append(Written(len(data), len(encoded), sample.time, sample.fault))
        data += encoded
    return Recording(bytes(data), tuple(written)), dips


def _identities(drive: Drive, vehicle: Vehicle) -> Iterator[Sample]:
    for ecu, boots in drive.boots.items():
        for boot in boots:
            values = (vehicle.vin, vehicle.platform, boot.firmware, ecu)
            yield Sample(boot.up, types.IDENTITY, 0, values)


def _faults(drive: Drive, vehicle: Vehicle) -> Iterator[Sample]:
    for fault in drive.faults:
        kind = fault.kind
        values = (
            kind.ecu,
            kind.code,
            LEVELS[fault.level],
            fault.text,
            _odometer(drive, vehicle, fault.time),
        )
        yield Sample(fault.time + SECOND // 100, types.FAULT_EVENT, 0, values, fault)


def _update(drive: Drive, scenario: Scenario, vehicle: Vehicle) -> Iterator[Sample]:
    for step in drive.progress:
        values = (
            f"sw-bundle-{scenario.update_to}",
            scenario.firmware,
            scenario.update_to,
            step.number,
            step.percent,
            _position(drive, vehicle, step.time),
        )
        yield Sample(step.time, types.UPDATE_PROGRESS, 0, values)


def _dip_samples(dip: Dip, dice: Dice) -> Iterator[DipSample]:
    for i in range(_DIP_SAMPLES):
        volts = dip.volts + dice.real(0, 0.6)
        (as_float,) = struct.unpack("<f", struct.pack("<f", volts))
        yield DipSample(dip.time + i * _DIP_STEP, as_float, dip.code)


def _supply(drive: Drive, sample: DipSample, dice: Dice) -> tuple[Any, ...]:
    return (sample.volts, dice.real(60, 95), _temperature(drive, sample.time), 0)


def _periodic(drive: Drive, vehicle: Vehicle, count: int, dice: Dice) -> Iterator[Sample]:
    step = (drive.end - drive.start) // max(count, 1)
    pedal = 0
    for i in range(count):
        time = drive.start + i * step + dice.whole(0, step - 1)
        turn = i % 10
        if turn < 5:
            pedal = min(max(pedal + dice.whole(-9, 8), 0), 100)
            front = pedal * 0.9 + dice.real(0, 0.4)
            values: tuple[Any, ...] = (front, front * 0.62, pedal, pedal > 92)
            yield Sample(time, types.BRAKE_STATE, 1, values)
        elif turn < 7:
            temperature = _temperature(drive, time)
            values = (dice.real(13.5, 14.4), dice.real(8, 42), temperature, 0)
            yield Sample(time, types.POWER_STATE, 0, values)
        elif turn < 8:
            used = (time - drive.start) * 16_000 // SECOND
            values = (dice.real(352, 398), dice.real(-60, 180), _temperature(drive, time) + 6, used)
            yield Sample(time, types.POWER_STATE, 1, values)
        else:
            yield Sample(time, types.POSITION, 2, _position(drive, vehicle, time))


def _position(drive: Drive, vehicle: Vehicle, time: int) -> tuple[float, float]:
    """A straight road to the north-east, about 70 km/h."""
    seconds = (time - drive.start) / SECOND
    return vehicle.latitude + seconds * 1.2e-4, vehicle.longitude + seconds * 1.8e-4


def _odometer(drive: Drive, vehicle: Vehicle, time: int) -> int:
    return vehicle.odometer + (time - drive.start) * 70 // (3600 * SECOND)


def _temperature(drive: Drive, time: int) -> int:
    """In °C: from 16 to 38 over the drive."""
    return 16 + (time - drive.start) * 22 // (drive.end - drive.start)
