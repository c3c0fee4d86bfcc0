"""One frame of all messages, whatever their format: the only place that knows the mapping.

Words are categories here, as the tables keep them: grouping by them costs half of what texts do.

| column    | from the table `messages` of DLT  | from a table of `.rec`                           |
|-----------|-----------------------------------|--------------------------------------------------|
| time      | time (the event time)             | sample_time, else sent, else received            |
| path      | where the file lies               | where the file lies                              |
| table     | `messages`                        | `<message name>-<sender>`                        |
| offset    | offset                            | offset                                           |
| lifecycle | lifecycle                         | null                                             |
| ecu       | ecu                               | field `ecu` or `source`                          |
| app       | app                               | null                                             |
| context   | context                           | the table's name                                 |
| severity  | severity, else `none`             | field `severity` or `level`, else `none`         |
| event     | has a severity                    | the type has a field for a severity or a code    |
| unmapped  | severity is an unknown word       | severity is neither null nor on a known scale    |
| code      | null: codes stand in the text     | field `code`, `dtc`, `error_code`, `fault_code`  |
| text      | text of messages with a severity  | field `message`, `text` or `description`         |

Field names are compared without case and underscores (`errorCode` is `error_code`), top-level
fields only, and of several the first of this list counts. Numeric severities are on DLT's scale, 1
fatal to 6 verbose. A field `level` makes no event by itself (it may be a fuel level): it is taken
for the severity of types that have a code. Integer codes become text: `0x` and at least six
hexadecimal digits for `dtc` (ISO 14229-1), decimal digits for the others; 0 is no code.

The tables `lifecycles` and `sources` of DLT hold no messages. Tables of decoders that were added
are read as those of `.rec` where they have the columns `offset`, `sent`, `received` and
`sample_time`, and left out where they have not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from argus_pipeline.statistics import severity
from argus_pipeline.statistics.codes import spelled
from argus_pipeline.statistics.sources import DLT, ENVELOPE, PATH, TableGroup

_COLUMNS: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "time": pl.Datetime("ns", "UTC"),
    "path": pl.String,
    "table": pl.String,
    "offset": pl.UInt64,
    "lifecycle": pl.UInt32,
    "ecu": pl.Categorical(),
    "app": pl.Categorical(),
    "context": pl.Categorical(),
    "severity": severity.SEVERITY,
    "event": pl.Boolean,
    "unmapped": pl.Boolean,
    "code": pl.String,
    "text": pl.String,
}
SCHEMA: Final = pl.Schema(_COLUMNS)

MAX_CODE_CHARACTERS: Final = 64
_SEVERITY_FIELDS: Final = ("severity",)
_LEVEL_FIELDS: Final = ("level",)
_CODE_FIELDS: Final = ("code", "dtc", "errorcode", "faultcode")
_ECU_FIELDS: Final = ("ecu", "source")
_TEXT_FIELDS: Final = ("message", "text", "description")
_DTC_DIGITS: Final = 6

ENVELOPE_TIME: Final = pl.coalesce("sample_time", "sent", "received")
"""The event time of a message that has an envelope."""


@dataclass(frozen=True, slots=True)
class EventFields:
    """Which columns of a `.rec` table say what about an event; None where none does."""

    code: str | None = None
    severity: str | None = None
    ecu: str | None = None
    text: str | None = None

    @property
    def is_event(self) -> bool:
        """Whether the messages of this type are events."""
        return self.code is not None or self.severity is not None


def event_fields(schema: Mapping[str, pl.DataType]) -> EventFields:
    """Decide which columns of a `.rec` table make an event of its messages."""

    code = find_field(schema, _CODE_FIELDS, integers=True)
    level = _SEVERITY_FIELDS + (_LEVEL_FIELDS if code else ())
    return EventFields(
        code=code,
        severity=find_field(schema, level, integers=True),
        ecu=find_field(schema, _ECU_FIELDS),
        text=find_field(schema, _TEXT_FIELDS),
    )


def find_field(
    schema: Mapping[str, pl.DataType], names: Sequence[str], *, integers: bool = False
) -> str | None:
    """The column of a text (or an integer, where allowed) that has the first of these names.

    Names are given in lower case without underscores.
    """
    for wanted in names:
        for column, kind in schema.items():
            fits = _is_text(kind) or (integers and kind.is_integer())
            if fits and column not in ENVELOPE and _plain(column) == wanted:
                return column
    return None


def events(group: TableGroup) -> pl.LazyFrame:
    """The messages of a group that holds messages, as a lazy frame with the columns of `SCHEMA`."""
    if group.format == DLT:
        columns = _of_messages()
    else:
        columns = _of_fields(group, event_fields(group.schema))
    return (
        group.scan()
        .select(
            **{
                name: expression.cast(SCHEMA[name])
                for name, expression in {
                    "path": pl.col(PATH),
                    "table": pl.lit(group.table),
                    "offset": pl.col("offset"),
                    **columns,
                }.items()
            }
        )
        .select(SCHEMA.names())
    )


def _of_messages() -> dict[str, pl.Expr]:
    given = pl.col("severity")
    known = given.cast(severity.SEVERITY, strict=False)
    return {
        "time": pl.col("time"),
        "lifecycle": pl.col("lifecycle"),
        "ecu": pl.col("ecu"),
        "app": pl.col("app"),
        "context": pl.col("context"),
        "severity": known.fill_null(severity.NONE),
        "event": given.is_not_null(),
        "unmapped": given.is_not_null() & known.is_null(),
        "code": pl.lit(None),
        "text": pl.when(given.is_not_null()).then(pl.col("text")),
    }


def _of_fields(group: TableGroup, fields: EventFields) -> dict[str, pl.Expr]:
    nothing = pl.lit(None)
    given = pl.col(fields.severity) if fields.severity else nothing
    known = _severity(fields.severity, group.schema)
    return {
        "time": ENVELOPE_TIME,
        "lifecycle": nothing,
        "ecu": _blank_is_null(pl.col(fields.ecu)) if fields.ecu else nothing,
        "app": nothing,
        "context": pl.lit(group.table),
        "severity": known.fill_null(severity.NONE),
        "event": pl.lit(fields.is_event),
        "unmapped": given.is_not_null() & known.is_null(),
        "code": _code(fields.code, group.schema),
        "text": pl.col(fields.text) if fields.text and fields.is_event else nothing,
    }


def _severity(column: str | None, schema: Mapping[str, pl.DataType]) -> pl.Expr:
    if column is None:
        return pl.lit(None, pl.String)
    if schema[column].is_integer():
        return severity.from_level(pl.col(column))
    return severity.from_word(pl.col(column).cast(pl.String))


def _code(column: str | None, schema: Mapping[str, pl.DataType]) -> pl.Expr:
    if column is None:
        return pl.lit(None, pl.String)
    value = pl.col(column)
    if not schema[column].is_integer():
        return spelled(_blank_is_null(value).str.slice(0, MAX_CODE_CHARACTERS))
    number = pl.when(value != 0).then(value)
    return _hexadecimal(number) if _plain(column) == "dtc" else number.cast(pl.String)


def _hexadecimal(number: pl.Expr) -> pl.Expr:
    """`0x` and the digits of a positive integer, in capitals, at least six of them."""
    width = 16
    digits = [
        pl.lit("0123456789ABCDEF").str.slice(
            number.cast(pl.UInt64, strict=False) // 16**place % 16, 1
        )
        for place in reversed(range(width))
    ]
    text = pl.concat_str(digits)
    return pl.concat_str(
        pl.lit("0x"),
        text.str.slice(0, width - _DTC_DIGITS).str.strip_chars_start("0"),
        text.str.slice(width - _DTC_DIGITS),
    )


def _blank_is_null(value: pl.Expr) -> pl.Expr:
    stripped = value.cast(pl.String).str.strip_chars()
    return pl.when(stripped != "").then(stripped)


def _is_text(kind: pl.DataType) -> bool:
    return isinstance(kind, pl.String | pl.Categorical | pl.Enum)


def _plain(name: str) -> str:
    return name.replace("_", "").lower()
