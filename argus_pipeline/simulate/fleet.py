"""Writes the batches of a made-up fleet and the truth about them."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any, Final

from argus_pipeline.batches.names import is_safe_name
from argus_pipeline.errors import BadInput
from argus_pipeline.simulate.damage import Damage, damage
from argus_pipeline.simulate.dice import Dice
from argus_pipeline.simulate.dlt_encoder import LEVELS
from argus_pipeline.simulate.dlt_recording import write_dlt
from argus_pipeline.simulate.drive import Drive, plan_drive
from argus_pipeline.simulate.rec_recording import SUPPLY_TABLE, DipSample, write_rec
from argus_pipeline.simulate.recording import Recording
from argus_pipeline.simulate.scenarios import BEFORE, Scenario, campaign_scenario, scenario
from argus_pipeline.simulate.truth import (
    TRUTH_FILE,
    AnomalyTruth,
    BatchTruth,
    DamageTruth,
    FaultTruth,
    FleetTruth,
    LossTruth,
    RecordingTruth,
    iso_time,
    read_truth,
)
from argus_pipeline.simulate.vehicle_messages import SPECIFICATION_FILE
from argus_pipeline.simulate.vehicles import Vehicle, make_vehicle
from argus_pipeline.upload.options import BATCH_FILE

DEFAULT_START: Final = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
DEFAULT_MEGABYTES: Final = 1.5
BUS_RECORDING: Final = "vehicle_bus.dlt"
INFOTAINMENT_RECORDING: Final = "infotainment.dlt"
SIGNALS_RECORDING: Final = "drive.rec"
VEHICLES_FILE: Final = "vehicles.csv"
_BUS_ECUS: Final = ("GW", "ABS", "BMS", "TCU", "ADAS")
_BUS_SHARE, _INFOTAINMENT_SHARE, _SIGNALS_SHARE = 0.5, 0.2, 0.3
_BETWEEN_BATCHES: Final = timedelta(hours=3)
_HINT = "Name a new or empty folder, or one with an earlier simulation, which is then replaced"


@dataclass(frozen=True, slots=True)
class _Batch:
    """One batch in memory: its files, and its part of the truth."""

    files: Mapping[str, bytes]
    truth: BatchTruth
    faults: tuple[FaultTruth, ...]
    anomalies: tuple[AnomalyTruth, ...]
    losses: tuple[LossTruth, ...]
    damages: tuple[DamageTruth, ...]


def write_fleet(
    out: Path,
    *,
    seed: int = 1,
    batches: int = 6,
    vehicles: int | None = None,
    megabytes: float = DEFAULT_MEGABYTES,
    start: datetime = DEFAULT_START,
    campaign: bool = False,
    on_batch: Callable[[BatchTruth], None] = lambda batch: None,
) -> FleetTruth:
    """Write a folder for each batch and `truth.json`; the same bytes for the same arguments.

    Args:
        out: a new or empty folder, or one with an earlier simulation, which is replaced.
        seed: of all random choices.
        batches: how many; the first six are six different scenarios.
        vehicles: at most so many of a platform, which then drive again; as they come if None.
        megabytes: about how large a batch is, in millions of bytes.
        start: when the first recording begins, with its time zone.
        campaign: one update of many vehicles that makes a code worse, in place of the scenarios;
            `vehicles.csv` lists the vehicles and one more, which never reports.
        on_batch: called after each batch, for progress.

    Raises:
        BadInput: `out` holds something else, or a number is out of range.
    """
    if batches < 1:
        raise BadInput(f"the number of batches is {batches}", expected="at least 1")
    if vehicles is not None and vehicles < 1:
        raise BadInput(f"the number of vehicles is {vehicles}", expected="at least 1")
    if not 0.1 <= megabytes <= 4_000:
        raise BadInput(f"the size of a batch is {megabytes} MB", expected="0.1 to 4000")
    if start.tzinfo is None:
        raise BadInput(f"the start {start} has no time zone", expected="2026-11-20T06:00:00Z")
    earlier = _earlier_simulation(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    # Written beside it first, so that a fleet which could not be finished leaves nothing behind.
    work = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        made = []
        for index in range(batches):
            case = campaign_scenario(index) if campaign else scenario(index)
            begin = start + index * _BETWEEN_BATCHES
            batch = _make_batch(case, seed, index, vehicles, megabytes, begin)
            folder = work / batch.truth.batch
            folder.mkdir()
            for name, data in batch.files.items():
                (folder / name).write_bytes(data)
            made.append(_without_files(batch))
            on_batch(batch.truth)
        truth = FleetTruth(
            seed,
            start.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            tuple(batch.truth for batch in made),
            tuple(fault for batch in made for fault in batch.faults),
            tuple(anomaly for batch in made for anomaly in batch.anomalies),
            tuple(loss for batch in made for loss in batch.losses),
            tuple(damaged for batch in made for damaged in batch.damages),
        )
        if campaign:
            (work / VEHICLES_FILE).write_text(_vehicle_list(seed, batches + 1), "utf-8")
        (work / TRUTH_FILE).write_text(truth.to_json(), "utf-8")
        _replace(out, earlier, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return truth


def _earlier_simulation(out: Path) -> Sequence[Path]:
    """What an earlier simulation left in `out`: its truth file and its batch folders."""
    if not out.exists():
        return []
    if not out.is_dir():
        raise BadInput("is not a folder", where=str(out), hint=_HINT)
    if not any(out.iterdir()):
        return []
    try:
        names = [batch["batch"] for batch in read_truth(out)["batches"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput("the folder is not empty", where=str(out), hint=_HINT) from error
    # The names come from a file that anybody may have written.
    if not all(is_safe_name(name) for name in names):
        raise BadInput("names a batch by an unsafe name", where=str(out / TRUTH_FILE))
    listed = [out / VEHICLES_FILE] if (out / VEHICLES_FILE).is_file() else []
    return [out / TRUTH_FILE, *listed, *(out / name for name in names)]


def _replace(out: Path, earlier: Sequence[Path], work: Path) -> None:
    names = [path.name for path in work.iterdir()]
    strange = [name for name in names if (out / name).exists() and out / name not in earlier]
    if strange:
        raise BadInput(
            f"{strange[0]!r} is not of the earlier simulation", where=str(out), hint=_HINT
        )
    for path in earlier:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    out.mkdir(exist_ok=True)
    # The truth comes last: with it the fleet is complete.
    for name in sorted(names, key=lambda name: (name == TRUTH_FILE, name)):
        (work / name).rename(out / name)


def _without_files(batch: _Batch) -> _Batch:
    return _Batch({}, batch.truth, batch.faults, batch.anomalies, batch.losses, batch.damages)


def _vehicle_list(seed: int, count: int) -> str:
    """A campaign's list, as it belongs into the bucket."""
    cases = [campaign_scenario(index) for index in range(count)]
    lines = [
        f"{make_vehicle(seed, case.platform, case.vehicle).vin},{BEFORE},{case.update_to}"
        for case in cases
    ]
    return "\n".join(("vehicle,firmware_from,firmware", *lines)) + "\n"


def _make_batch(
    case: Scenario,
    seed: int,
    index: int,
    vehicles: int | None,
    megabytes: float,
    start: datetime,
) -> _Batch:
    number = case.vehicle % vehicles if vehicles else case.vehicle
    vehicle = make_vehicle(seed, case.platform, number)
    name = f"{index + 1:02d}-{case.platform}-{case.firmware_at_end}-{case.name}"
    start_ns = (start - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
    drive = plan_drive(case, start_ns, Dice(seed, f"{index}/drive"))
    size = megabytes * 1_000_000
    package = case.update_to or case.firmware
    bus = write_dlt(
        drive,
        _BUS_ECUS,
        size=int(size * _BUS_SHARE),
        lost=0,
        package=package,
        dice=Dice(seed, f"{index}/{BUS_RECORDING}"),
    )
    infotainment = write_dlt(
        drive,
        ("IVI",),
        size=int(size * _INFOTAINMENT_SHARE),
        lost=case.messages_lost,
        package=package,
        dice=Dice(seed, f"{index}/{INFOTAINMENT_RECORDING}"),
    )
    signals, dips = write_rec(
        drive,
        case,
        vehicle,
        size=int(size * _SIGNALS_SHARE),
        dice=Dice(seed, f"{index}/{SIGNALS_RECORDING}"),
    )
    written = len(bus.messages)
    damages: tuple[Damage, ...] = ()
    if case.damaged:
        bus, damages = damage(bus, Dice(seed, f"{index}/damage"))
    recordings = {
        BUS_RECORDING: bus,
        INFOTAINMENT_RECORDING: infotainment,
        SIGNALS_RECORDING: signals,
    }
    counts = {n: written if n == BUS_RECORDING else len(r.messages) for n, r in recordings.items()}
    truth = BatchTruth(
        name,
        vehicle.vin,
        case.platform,
        case.firmware_at_end,
        case.firmware_from,
        case.priority,
        not case.faults,
        tuple(RecordingTruth(n, len(r.data), counts[n]) for n, r in recordings.items()),
    )
    files = {n: recording.data for n, recording in recordings.items()}
    files[SPECIFICATION_FILE] = (
        resources.files("argus_pipeline.simulate").joinpath(SPECIFICATION_FILE).read_bytes()
    )
    files[BATCH_FILE] = _arguments(case, vehicle, seed)
    return _Batch(
        files,
        truth,
        tuple(f for n, r in recordings.items() for f in _fault_truths(truth, n, r, drive)),
        _anomaly_truths(name, dips),
        (LossTruth(name, INFOTAINMENT_RECORDING, "IVI", case.messages_lost),)
        if case.messages_lost
        else (),
        tuple(
            DamageTruth(
                name,
                BUS_RECORDING,
                d.what,
                d.offset,
                d.size,
                d.unreadable_from,
                d.unreadable_to,
                d.messages_lost,
            )
            for d in damages
        ),
    )


def _arguments(case: Scenario, vehicle: Vehicle, seed: int) -> bytes:
    content: dict[str, Any] = {
        "vehicle": vehicle.vin,
        "platform": case.platform,
        "firmware": case.firmware_at_end,
        "firmware_from": case.firmware_from,
        "campaign": case.campaign,
        "priority": case.priority,
        "tags": {"origin": "simulation", "scenario": case.name, "seed": str(seed)},
    }
    content = {key: value for key, value in content.items() if value is not None}
    return json.dumps(content, indent=1).encode() + b"\n"


def _fault_truths(
    batch: BatchTruth, name: str, recording: Recording, drive: Drive
) -> Sequence[FaultTruth]:
    by_code: dict[str, list[Any]] = {}
    for message in recording.messages:
        if message.fault is not None:
            by_code.setdefault(message.fault.kind.code, []).append(message)
    return [
        FaultTruth(
            batch.batch,
            batch.vehicle,
            messages[0].fault.kind.name,
            code,
            messages[0].fault.kind.ecu,
            min((m.fault.level for m in messages), key=LEVELS.__getitem__),
            name,
            len(messages),
            iso_time(messages[0].time),
            messages[0].offset,
            dict(Counter(drive.firmware(m.fault.kind.ecu, m.time) for m in messages)),
        )
        for code, messages in by_code.items()
    ]


def _anomaly_truths(batch: str, dips: Sequence[DipSample]) -> tuple[AnomalyTruth, ...]:
    if not dips:
        return ()
    return (
        AnomalyTruth(
            batch,
            "supply voltage dips",
            SIGNALS_RECORDING,
            SUPPLY_TABLE,
            "voltage",
            tuple(sorted({dip.code for dip in dips})),
            len(dips),
            min(dip.volts for dip in dips),
            iso_time(min(dip.time for dip in dips)),
        ),
    )
