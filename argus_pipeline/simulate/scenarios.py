"""What happens to which vehicle: the stories that a simulated fleet tells, in turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from argus_pipeline.simulate.dice import Dice

BEFORE: Final = "v2.2.9"
AFTER: Final = "v2.3.1"


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One kind of fault, and how an ECU reports it.

    Args:
        name: a few words on it.
        code: its fault code.
        ecu: who reports it, with `app` and `context`.
        level: the severity of a report.
        report: draws the text of a report.
        restarts: the ECU starts anew after each report.
        dips: the 12 V supply dips at each report.
    """

    name: str
    code: str
    ecu: str
    app: str
    context: str
    level: str
    report: Callable[[Dice], str]
    restarts: bool = False
    dips: bool = False


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """How often a fault is reported on a drive.

    Args:
        kind: which fault.
        count: how many reports.
        after_update: only the new firmware has it.
        rising: it comes more often as time goes by.
    """

    kind: FaultKind
    count: int
    after_update: bool = False
    rising: bool = False


@dataclass(frozen=True, slots=True)
class Scenario:
    """One batch of the fleet.

    Args:
        name: a few words for the batch's folder.
        platform: of the vehicle.
        vehicle: the number of the vehicle within its platform.
        firmware: what it runs at the beginning.
        update_to: what it is updated to on the drive, if it is.
        updated_from: what it ran before an update that came before the drive, if one did.
        update_fails_first: the update is rolled back once before it succeeds.
        campaign: the update campaign.
        priority: of the batch.
        faults: in a healthy batch there are none.
        messages_lost: by the infotainment unit.
        damaged: whether one of the recordings is damaged.
    """

    name: str
    platform: str
    vehicle: int
    firmware: str
    update_to: str | None = None
    updated_from: str | None = None
    update_fails_first: bool = False
    campaign: str | None = None
    priority: str = "P1"
    faults: tuple[FaultPlan, ...] = ()
    messages_lost: int = 0
    damaged: bool = False

    @property
    def firmware_at_end(self) -> str:
        """What the vehicle runs at the end of the drive."""
        return self.update_to or self.firmware

    @property
    def firmware_from(self) -> str | None:
        """What ran before the update that the batch contains or follows."""
        return self.firmware if self.update_to else self.updated_from


def _brake(dice: Dice) -> str:
    return dice.pick(
        (
            "DTC C0035 left front wheel speed sensor circuit, "
            f"signal lost for {dice.whole(2, 40) * 20} ms",
            f"DTC C0035 brake pressure sensor implausible, {dice.whole(2, 9)} bar "
            f"at pedal {dice.whole(30, 90)} %",
        )
    )


def _lost_engine(dice: Dice) -> str:
    return f"DTC U0100 lost communication with ECM/PCM, {dice.whole(1, 9)} frames missed"


def _battery(dice: Dice) -> str:
    low = dice.whole(2_900, 3_200)
    return (
        f"DTC P0A80 hybrid battery pack deterioration: cell {dice.whole(1, 96)} at {low} mV, "
        f"spread {dice.whole(180, 380)} mV"
    )


def _media_ended(dice: Dice) -> str:
    return f"E001 media service ended by signal {dice.pick((6, 11))}, {dice.whole(8, 90)} MB free"


def _watchdog(dice: Dice) -> str:
    waited = dice.whole(5_000, 7_000)
    return f"E214 infotainment restart, watchdog expired in media service after {waited} ms"


def _door(dice: Dice) -> str:
    return (
        f"DTC B1342 Türsteuergerät: Bauteil defekt, Versorgung {dice.whole(90, 110) / 10} V; "
        '请检查 "车门模块"'
    )


def _unlisted(dice: Dice) -> str:
    return f"E977 modem stack raised an unlisted error in state {dice.whole(0, 31)}"


BRAKE: Final = FaultKind("brake pressure sensor", "C0035", "ABS", "BRK", "SENS", "error", _brake)
LOST_ENGINE: Final = FaultKind(
    "lost communication", "U0100", "GW", "COM", "CAN", "warn", _lost_engine, dips=True
)
BATTERY: Final = FaultKind(
    "hybrid battery pack", "P0A80", "BMS", "HVB", "CELL", "error", _battery, dips=True
)
MEDIA_ENDED: Final = FaultKind(
    "media service crash", "E001", "IVI", "AUD", "SVCM", "error", _media_ended
)
WATCHDOG: Final = FaultKind(
    "infotainment watchdog", "E214", "IVI", "SYS", "WDOG", "fatal", _watchdog, restarts=True
)
DOOR: Final = FaultKind("door module", "B1342", "GW", "BODY", "DOOR", "warn", _door)
UNLISTED: Final = FaultKind(
    "a code that no article knows", "E977", "TCU", "TEL", "LTE", "error", _unlisted
)

_SCENARIOS: Final = (
    Scenario(
        "before-the-update", "J7", 0, BEFORE, priority="P2", faults=(FaultPlan(BRAKE, count=2),)
    ),
    Scenario(
        "brakes-after-the-update",
        "J7",
        0,
        BEFORE,
        update_to=AFTER,
        campaign="2026-q4-brakes",
        priority="P0",
        faults=(
            FaultPlan(BRAKE, count=60, after_update=True, rising=True),
            FaultPlan(LOST_ENGINE, count=9, after_update=True),
        ),
    ),
    Scenario(
        "battery-after-a-rollback",
        "K5",
        0,
        BEFORE,
        update_to=AFTER,
        update_fails_first=True,
        campaign="2026-q4-hybrid",
        faults=(
            FaultPlan(BATTERY, count=32, after_update=True, rising=True),
            FaultPlan(LOST_ENGINE, count=4),
        ),
    ),
    Scenario(
        "infotainment-restarts",
        "T2",
        0,
        AFTER,
        updated_from=BEFORE,
        campaign="2026-q4-media",
        faults=(
            FaultPlan(MEDIA_ENDED, count=18),
            FaultPlan(WATCHDOG, count=6),
            FaultPlan(DOOR, count=5),
        ),
        messages_lost=37,
        damaged=True,
    ),
    Scenario("healthy", "K5", 1, AFTER, updated_from=BEFORE, campaign="2026-q4-hybrid"),
    Scenario(
        "unlisted-code",
        "J7",
        1,
        AFTER,
        updated_from=BEFORE,
        campaign="2026-q4-brakes",
        faults=(FaultPlan(UNLISTED, count=14),),
    ),
)


CAMPAIGN: Final = "2026-q4-chassis"
FIRST_VEHICLE_OF_CAMPAIGN: Final = 500

_OF_CAMPAIGN: Final = Scenario(
    "chassis-update",
    "J7",
    FIRST_VEHICLE_OF_CAMPAIGN,
    BEFORE,
    update_to=AFTER,
    campaign=CAMPAIGN,
    faults=(
        # So many that five vehicles are enough to tell, beside all other faults of the demo.
        FaultPlan(BRAKE, count=14),
        FaultPlan(BRAKE, count=90, after_update=True),
        FaultPlan(DOOR, count=16),
    ),
)


def campaign_scenario(index: int) -> Scenario:
    """The scenario of a campaign's batch: another vehicle each, updated on the drive.

    C0035 gets worse with the update, by a factor of about 7, and B1342 stays as it is.
    """
    return replace(_OF_CAMPAIGN, vehicle=_OF_CAMPAIGN.vehicle + index)


def scenario(index: int) -> Scenario:
    """The scenario of the batch with this index: the same six in turn, with further vehicles."""
    turn, place = divmod(index, len(_SCENARIOS))
    found = _SCENARIOS[place]
    return replace(found, vehicle=found.vehicle + 2 * turn)
