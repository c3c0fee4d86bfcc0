"""What happens to which vehicle: the stories that a simulated fleet tells, in turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from argus_pipeline.simulate import faults
from argus_pipeline.simulate.faults import FaultKind

BEFORE: Final = "v2.2.9"
AFTER: Final = "v2.3.1"


@dataclass(frozen=True, slots=True)
class Injection:
    """A fault that is there from some time on.

    Attributes:
        kind: which fault.
        scale: how often, as a multiple of the kind's own rate.
        after_update: whether only the new firmware has it.
        rising: whether it comes more often as time goes by.
    """

    kind: FaultKind
    scale: float = 1.0
    after_update: bool = True
    rising: bool = False


@dataclass(frozen=True, slots=True)
class Scenario:
    """One batch of the fleet.

    Attributes:
        name: the last part of the batch folder's name.
        platform: of the vehicle.
        vehicle: which vehicle of the platform.
        firmware: what runs at the end.
        firmware_from: what ran before the update that the batch contains; None without one.
        campaign: the update campaign.
        priority: of the batch.
        injections: its faults; none in a healthy batch.
        rollback: whether the update fails once before it succeeds.
        unusual_texts: whether some texts have quotes, line breaks and other languages.
        damaged: name of the recording that is damaged, if any.
    """

    name: str
    platform: str
    vehicle: int
    firmware: str
    firmware_from: str | None = None
    campaign: str | None = None
    priority: str = "P1"
    injections: tuple[Injection, ...] = ()
    rollback: bool = False
    unusual_texts: bool = False
    damaged: str | None = None


SCENARIOS: Final = (
    Scenario(
        "before-update",
        "J7",
        0,
        BEFORE,
        priority="P2",
        injections=(Injection(faults.BRAKE_PRESSURE, scale=0.04, after_update=False),),
    ),
    Scenario(
        "brakes-after-update",
        "J7",
        0,
        AFTER,
        BEFORE,
        campaign="2026-q4-brakes",
        priority="P0",
        injections=(
            Injection(faults.BRAKE_PRESSURE, rising=True),
            Injection(faults.LOST_ENGINE_ECU),
        ),
    ),
    Scenario(
        "battery-after-rollback",
        "K5",
        0,
        AFTER,
        BEFORE,
        campaign="2026-q4-hybrid",
        injections=(
            Injection(faults.BATTERY_PACK, rising=True),
            Injection(faults.LOST_ENGINE_ECU, scale=0.3, after_update=False),
        ),
        rollback=True,
    ),
    Scenario(
        "infotainment-restarts",
        "T2",
        0,
        AFTER,
        BEFORE,
        campaign="2026-q4-media",
        injections=(
            Injection(faults.MEDIA_CRASH),
            Injection(faults.MEDIA_WATCHDOG),
            Injection(faults.DOOR_MODULE, after_update=False),
        ),
        unusual_texts=True,
        damaged="chassis.dlt",
    ),
    Scenario("healthy", "K5", 1, AFTER, campaign="2026-q4-hybrid"),
    Scenario(
        "unknown-code",
        "J7",
        1,
        AFTER,
        campaign="2026-q4-brakes",
        injections=(Injection(faults.UNKNOWN_CODE, after_update=False),),
        unusual_texts=True,
    ),
)
