"""The words of FIBEX catalogues: types of values, and types of messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

Type = tuple[str, int]
"""Kind and bits, as `argus_native.Catalogue.add` takes them."""

MESSAGE_TYPE: Final[Mapping[str, int]] = {
    "DLT_TYPE_LOG": 0,
    "DLT_TYPE_APP_TRACE": 1,
    "DLT_TYPE_NW_TRACE": 2,
    "DLT_TYPE_CONTROL": 3,
}
MESSAGE_INFO: Final[Mapping[str, tuple[int, int]]] = {
    f"DLT_{prefix}_{name}": (kind, number)
    for kind, prefix, names in (
        (0, "LOG", ("FATAL", "ERROR", "WARN", "INFO", "DEBUG", "VERBOSE")),
        (1, "TRACE", ("VARIABLE", "FUNCTION_IN", "FUNCTION_OUT", "STATE", "VFB")),
        (2, "NW_TRACE", ("IPC", "CAN", "FLEXRAY", "MOST", "ETHERNET", "SOMEIP")),
        (3, "CONTROL", ("REQUEST", "RESPONSE", "TIME")),
    )
    for number, name in enumerate(names, start=1)
}
"""Type and subtype, as an extended header has them."""

_STRING: Final = ("string", 0)
_RAW: Final = ("raw", 0)
# Catalogues may use these without defining them; where they do define them, a coding cannot say
# that an 8 bit number is a truth value.
_SIGNALS: Final[Mapping[str, Type]] = {
    "S_BOOL": ("bool", 8),
    **{f"S_{n}INT{bits}": (f"{n.lower()}int", bits) for n in "SU" for bits in (8, 16, 32, 64, 128)},
    **{f"S_FLOA{bits}": ("float", bits) for bits in (16, 32, 64)},
    **{f"S_{n}{bits}": (n.lower(), bits) for n in ("HEX", "BIN") for bits in (8, 16, 32, 64)},
    **dict.fromkeys(("S_STRG_ASCII", "S_STRG_UTF8", "S_UTF8"), _STRING),
    **dict.fromkeys(("S_RAWD", "S_RAW"), _RAW),
}
_BASE_DATA_TYPES: Final[Mapping[str, Type]] = {
    "A_BOOLEAN": ("bool", 8),
    **{f"A_UINT{bits}": ("uint", bits) for bits in (8, 16, 32, 64, 128)},
    **{f"A_{n}{bits}": ("sint", bits) for n in ("INT", "SINT") for bits in (8, 16, 32, 64, 128)},
    **{f"A_FLOAT{bits}": ("float", bits) for bits in (16, 32, 64)},
    **dict.fromkeys(("A_ASCIISTRING", "A_UTF8STRING", "A_UNICODE2STRING"), _STRING),
    "A_BYTEFIELD": _RAW,
}
_WIDTHS: Final = {"float": (16, 32, 64)}
_OTHER_WIDTHS: Final = (8, 16, 32, 64, 128)
# A_UNICODE2STRING is UTF-8 in DLT, unless its coding says that it is not.
_NO_BYTE_STRINGS: Final = ("UCS-2", "UTF-16", "UTF-32", "UCS-4")


@dataclass(frozen=True, slots=True)
class Coding:
    """The CODED-TYPE of a CODING, as it is written."""

    base_data_type: str
    bit_length: str
    encoding: str


class UnknownType(Exception):
    """Nothing says what the bytes of a signal are, or it is nothing that is read."""

    def __init__(self, what: str, expected: str) -> None:
        super().__init__(what)
        self.expected = expected


def type_of(signal: str, signals: Mapping[str, str], codings: Mapping[str, Coding]) -> Type:
    """Kind and bits of a signal.

    Args:
        signal: the ID that a PDU refers to.
        signals: the coding's ID of each SIGNAL.
        codings: the CODINGs.

    Raises:
        UnknownType: says what is missing.
    """
    if signal in _SIGNALS:
        return _SIGNALS[signal]
    if signal not in signals:
        raise UnknownType(
            f"the signal '{signal}' is not there",
            "a SIGNAL of this ID, or a name that needs none, such as S_UINT8",
        )
    name = signals[signal]
    if name not in codings:
        raise UnknownType(
            f"the coding '{name}' of the signal '{signal}' is not there", "a CODING of this ID"
        )
    return _decoded(f"the coding '{name}'", codings[name])


def _decoded(what: str, coding: Coding) -> Type:
    if coding.base_data_type not in _BASE_DATA_TYPES:
        raise UnknownType(
            f"{what} has the base data type '{coding.base_data_type}'",
            f"one of {', '.join(_BASE_DATA_TYPES)}",
        )
    kind, bits = _BASE_DATA_TYPES[coding.base_data_type]
    if kind == "string" and coding.encoding.upper().startswith(_NO_BYTE_STRINGS):
        raise UnknownType(f"{what} is a text in {coding.encoding}", "ASCII or UTF-8")
    if bits == 0:
        return kind, bits
    # The base data type is that of the value in the program; so many bits of it are sent.
    widths = _WIDTHS.get(kind, _OTHER_WIDTHS)
    if coding.bit_length and coding.bit_length not in map(str, widths):
        raise UnknownType(
            f"{what} has a BIT-LENGTH of '{coding.bit_length}'",
            f"one of {', '.join(map(str, widths))}",
        )
    return kind, int(coding.bit_length or bits)
