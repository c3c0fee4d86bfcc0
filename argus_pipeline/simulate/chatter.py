"""What ECUs say all day when nothing is wrong: the noise that faults have to be found in."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Final

from argus_pipeline.simulate.dice import Dice
from argus_pipeline.simulate.dlt_encoder import (
    Argument,
    Body,
    Flag,
    Raw,
    Real,
    Signed,
    Text,
    Unsigned,
    log,
    network_trace,
    non_verbose,
)

Template = Callable[[Dice], Body]


def _can_load(dice: Dice) -> Body:
    return log(
        "info",
        "COM",
        "CAN",
        [
            Text("bus load"),
            Unsigned(dice.whole(0, 3), "channel", "", 8),
            Real(dice.real(12, 61), "load", "%", 32),
        ],
    )


def _frame(dice: Dice) -> Body:
    frame = dice.octets(8)
    return log("verbose", "COM", "CAN", [Text("rx frame"), Raw(frame, "data")])


def _bus_trace(dice: Dice) -> Body:
    identifier = struct.pack("<I", dice.pick((0x0C1, 0x1A0, 0x2D7, 0x4B4)))
    return network_trace("can", "COM", "CAN", identifier, dice.octets(8))


def _session(dice: Dice) -> Body:
    text = f"diagnostic session {dice.pick(('default', 'extended'))} from tester {dice.whole(1, 9)}"
    return log("info", "DIAG", "UDS", [Text(text)])


def _cpu_load(dice: Dice) -> Body:
    return log("warn", "SYS", "PERF", [Text(f"CPU load {dice.whole(85, 97)} % for 10 s")])


def _wheel_speeds(dice: Dice) -> Body:
    speed = dice.real(0, 132)
    names = ("fl", "fr", "rl", "rr")
    return log(
        "debug", "WSS", "SPD", [Real(speed + dice.real(-0.4, 0.4), n, "km/h", 32) for n in names]
    )


def _brake_request(dice: Dice) -> Body:
    return log(
        "info",
        "BRK",
        "REQ",
        [Text("brake request"), Unsigned(dice.whole(0, 100), "pedal", "%", 8), Flag(False, "abs")],
    )


def _cells(dice: Dice) -> Body:
    low = dice.whole(3_610, 3_700)
    text = f"cell voltages min {low} mV max {low + dice.whole(4, 22)} mV of 96"
    return log("debug", "HVB", "CELL", [Text(text)])


def _battery_frame(dice: Dice) -> Body:
    data = struct.pack("<HhB", dice.whole(3_500, 4_100), dice.whole(-900, 900), dice.whole(15, 45))
    return non_verbose(0x4A01, data, level="debug", app="HVB", context="RAW")


def _coolant(dice: Dice) -> Body:
    return log(
        "info",
        "HVB",
        "TEMP",
        [Signed(dice.whole(18, 41), "coolant", "degC", 16), Real(dice.real(12, 15), "batt", "V")],
    )


def _gear(dice: Dice) -> Body:
    text = f"gear {dice.whole(1, 8)} clutch {dice.whole(0, 100)} % oil {dice.whole(55, 92)} degC"
    return log("info", "GEAR", "CTL", [Text(text)])


def _modem(dice: Dice) -> Body:
    return log(
        "debug",
        "TEL",
        "LTE",
        [Text("signal"), Signed(-dice.whole(61, 112), "rsrp", "dBm"), Unsigned(dice.whole(1, 40))],
    )


def _objects(dice: Dice) -> Body:
    arguments: list[Argument] = [
        Text("objects"),
        Unsigned(dice.whole(0, 40), "count", "", 16),
        Flag(True, "valid"),
    ]
    return log("info", "FUS", "OBJ", arguments, big_endian=True)


def _lane(dice: Dice) -> Body:
    return log("debug", "CAM", "LANE", [Real(dice.real(-0.6, 0.6), "offset", "m")], big_endian=True)


def _camera_frame(dice: Dice) -> Body:
    return non_verbose(0x7D10 + dice.whole(0, 3), dice.octets(dice.whole(8, 40)))


def _navigation(dice: Dice) -> Body:
    exit_number, minutes = dice.whole(1, 90), dice.whole(2, 95)
    text = dice.pick(
        (
            f"导航：路线已更新，前方“京港澳高速”出口 {exit_number}，剩余 {minutes} 分钟",
            f'Route neu berechnet: Ausfahrt "{exit_number} Süd",\nAnkunft in {minutes} Minuten',
            f'route "home" updated; {minutes} min left, exit {exit_number}',
        )
    )
    return log("info", "NAVI", "ROUT", [Text(text)])


def _climate(dice: Dice) -> Body:
    text = f"Klimaanlage: Zielwert {dice.whole(17, 24)} °C, Gebläsestufe {dice.whole(1, 7)}"
    return log("info", "HMI", "CLIM", [Text(text)])


def _media(dice: Dice) -> Body:
    text = f"media buffer {dice.whole(20, 100)} % track position {dice.whole(0, 280_000)} ms"
    return log("debug", "AUD", "PLAY", [Text(text)])


def _redraw(dice: Dice) -> Body:
    return log(
        "verbose", "HMI", "DRAW", [Text("frame time"), Real(dice.real(4, 17), "t", "ms", 32)]
    )


def _memory(dice: Dice) -> Body:
    return log("info", "SYS", "MEM", [Unsigned(dice.whole(180, 640) << 20, "free", "B", 64)])


# A repeated template is said more often.
CHATTER: Final[dict[str, Sequence[Template]]] = {
    "GW": (
        *(_can_load, _can_load, _can_load, _frame, _frame),
        *(_bus_trace, _bus_trace, _bus_trace, _session, _cpu_load),
    ),
    "ABS": (_wheel_speeds, _wheel_speeds, _wheel_speeds, _brake_request),
    "BMS": (_cells, _cells, _battery_frame, _coolant),
    "TCU": (_gear, _gear, _modem),
    "ADAS": (_objects, _objects, _lane, _lane, _camera_frame),
    "IVI": (_media, _media, _redraw, _redraw, _climate, _navigation, _memory),
}
"""By ECU: what it says in turn."""
