"""The simulator's encoders, read back by the independent decoders."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import dlt, rec

from argus_pipeline.simulate import dlt_encoder as encoder
from argus_pipeline.simulate import rec_encoder, vehicle_messages
from argus_pipeline.simulate.dlt_encoder import Body, Flag, Raw, Real, Signed, Text, Unsigned

NAMES = st.none() | st.text("abcä ", min_size=1, max_size=8)
WIDTHS = st.sampled_from([8, 16, 32, 64])
TEXTS = st.text(st.characters(min_codepoint=0x20, exclude_categories=["Cs", "Cc"]), max_size=40)
ARGUMENTS = (
    st.builds(Text, TEXTS, NAMES)
    | st.builds(Flag, st.booleans(), NAMES)
    | WIDTHS.flatmap(
        lambda bits: (
            st.builds(Unsigned, st.integers(0, 2**bits - 1), NAMES, st.just("V"), st.just(bits))
            | st.builds(
                Signed,
                st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1),
                NAMES,
                st.just(""),
                st.just(bits),
            )
        )
    )
    | st.builds(Real, st.floats(width=32), NAMES, st.just("bar"), st.just(32))
    | st.builds(Real, st.floats(), NAMES, st.just(""), st.just(64))
    | st.builds(Raw, st.binary(max_size=20), NAMES)
)


def written(body: Body, **header: Any) -> dlt.Row:
    given = {
        "time_ns": 1_763_625_600_123_456_789,
        "ecu": "ABS",
        "counter": 257,
        "session_id": None,
        "ticks": 12_345,
    }
    data = encoder.message(body, **{**given, **header})
    (row,) = dlt.decode(data)
    assert row["size"] == len(data)
    return row


@given(st.lists(ARGUMENTS, max_size=5), st.booleans(), st.sampled_from(sorted(encoder.LEVELS)))
def test_a_log_message_reads_back_argument_by_argument(
    arguments: Sequence[encoder.Argument], big_endian: bool, level: str
) -> None:
    row = written(encoder.log(level, "BRK", "SENS", arguments, big_endian=big_endian))
    assert (row["type"], row["severity"], row["verbose"]) == ("log", level, True)
    assert (row["app"], row["context"]) == ("BRK", "SENS")
    for argument, found in zip(arguments, row["arguments"], strict=True):
        if isinstance(argument.value, float):
            assert struct.pack("d", argument.value) == struct.pack("d", found.value) or (
                argument.value != argument.value
            )
        elif isinstance(argument.value, str):
            assert found.value == dlt.text_of(argument.value.encode())
        else:
            assert found.value == argument.value
        assert found.name == (argument.name or "")
    assert row["payload"] is None


def test_the_headers_say_who_and_when() -> None:
    row = written(encoder.log("info", "A", "C", []), session_id=77)
    assert row["storage_time_ns"] == 1_763_625_600_123_456_000
    assert row["uptime_s"] == 1.2345
    assert (row["ecu"], row["counter"], row["session_id"]) == ("ABS", 1, 77)


def test_a_non_verbose_message_is_an_id_and_bytes() -> None:
    row = written(encoder.non_verbose(0x4A01, b"\x01\x02"))
    assert (row["message_id"], row["payload"], row["type"]) == (0x4A01, b"\x01\x02", None)
    row = written(encoder.non_verbose(7, b"", level="debug", app="HVB", context="RAW"))
    assert (row["message_id"], row["verbose"], row["severity"]) == (7, False, "debug")


def test_a_software_version_is_a_control_response() -> None:
    row = written(encoder.software_version("v2.3.1"))
    assert (row["type"], row["subtype"]) == ("control", "response")
    assert row["software_version"] == "v2.3.1"


def test_a_bus_message_is_a_network_trace_of_two_byte_strings() -> None:
    row = written(encoder.network_trace("can", "COM", "CAN", b"\xc1\0", b"\x01\x02"))
    assert (row["type"], row["subtype"], row["severity"]) == ("network_trace", "can", None)
    assert [a.value for a in row["arguments"]] == [b"\xc1\0", b"\x01\x02"]


def test_a_control_request_has_no_uptime() -> None:
    row = written(encoder.control_request(encoder.GET_SOFTWARE_VERSION))
    assert (row["subtype"], row["uptime_s"], row["service_id"]) == ("request", None, 0x13)


def test_a_message_that_its_length_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 65535"):
        written(encoder.non_verbose(1, bytes(70_000)))


@given(st.integers(-(2**63), 2**63 - 1))
def test_zigzag_reads_back(value: int) -> None:
    assert rec.zigzag(rec_encoder.zigzag(value)) == value


@given(st.integers(0, 2**64 - 1))
def test_varints_read_back(value: int) -> None:
    data = rec_encoder.varint(value)
    assert rec.varint(data, 0) == (value, len(data))


def test_the_specification_file_says_what_the_encoder_writes() -> None:
    path = Path(vehicle_messages.__file__).with_name(vehicle_messages.SPECIFICATION_FILE)
    specified = rec.specification(path.read_text())
    ours = {
        kind.id: (
            kind.name,
            [
                (f.number, f.name, f.type if isinstance(f.type, str) else f.type.name)
                for f in kind.fields
            ],
        )
        for kind in vehicle_messages.MESSAGE_TYPES
    }
    assert ours == {
        number: (m.name, [(f.number, f.name, f.kind) for f in m.fields])
        for number, m in specified.items()
    }


@given(
    st.floats(width=32, allow_nan=False),
    st.integers(-(2**31), 2**31 - 1),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**32 - 1),
)
def test_an_envelope_reads_back(voltage: float, temperature: int, energy: int, sender: int) -> None:
    path = Path(vehicle_messages.__file__).with_name(vehicle_messages.SPECIFICATION_FILE)
    kind = vehicle_messages.POWER_STATE
    values = (voltage, -0.5, temperature, energy)
    data = rec_encoder.envelope(
        kind, values, sample_ns=1_763_625_600_123_456_789, delay_us=150, sender=sender
    )
    tables = rec.decode(data, rec.specification(path.read_text()))
    (row,) = tables[f"vehicle.PowerState-{sender}"]
    assert tuple(row[f.name] for f in kind.fields) == values
    assert row["sample_time"] == row["sent"] == 1_763_625_600_123_456_000
    assert row["received"] - row["sent"] == 150_000
