"""The message types of `vehicle.odvd` for the encoder; the two say the same."""

from __future__ import annotations

from argus_pipeline.simulate.rec_encoder import Field, MessageType

SPECIFICATION_FILE = "vehicle.odvd"


def _message(name: str, number: int, *fields: tuple[str, str | MessageType]) -> MessageType:
    return MessageType(
        f"vehicle.{name}",
        number,
        tuple(Field(i, field, kind) for i, (field, kind) in enumerate(fields, start=1)),
    )


IDENTITY = _message(
    "Identity",
    3000,
    ("vin", "string"),
    ("platform", "string"),
    ("firmwareVersion", "string"),
    ("ecu", "string"),
)
FAULT_EVENT = _message(
    "FaultEvent",
    3001,
    ("ecu", "string"),
    ("code", "string"),
    ("severity", "uint8"),
    ("message", "string"),
    ("odometer", "uint32"),
)
POSITION = _message("Position", 3002, ("latitude", "double"), ("longitude", "double"))
BRAKE_STATE = _message(
    "BrakeState",
    3003,
    ("pressureFront", "float"),
    ("pressureRear", "float"),
    ("pedalPercent", "int16"),
    ("absActive", "bool"),
)
POWER_STATE = _message(
    "PowerState",
    3004,
    ("voltage", "float"),
    ("current", "float"),
    ("temperature", "int32"),
    ("energyUsed", "uint64"),
)
UPDATE_PROGRESS = _message(
    "UpdateProgress",
    3005,
    ("package", "string"),
    ("fromVersion", "string"),
    ("toVersion", "string"),
    ("state", "uint8"),
    ("percent", "uint8"),
    ("where", POSITION),
)
MESSAGE_TYPES = (IDENTITY, FAULT_EVENT, POSITION, BRAKE_STATE, POWER_STATE, UPDATE_PROGRESS)
