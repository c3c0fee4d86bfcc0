"""The list of vehicles that a campaign is for: `campaigns/<campaign>/vehicles.csv`."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass

from argus_pipeline.batches.names import SAFE_NAME_RULE, is_safe_name
from argus_pipeline.errors import BadInput
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectMissing, ObjectStore

_HINT = "Mend the list and put it again"
MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Expected:
    """The vehicles of a campaign, each with the version that it starts from, where that is given.

    `target` is the version that the campaign brings, where the list says it.
    """

    vehicles: Mapping[str, str | None]
    target: str | None = None


def read_expected(store: ObjectStore, campaign: str) -> Expected | None:
    """The list of a campaign, or None where there is none.

    Raises:
        BadInput: naming the line that is wrong.
    """
    key = keys.campaign_vehicles(campaign)
    try:
        data, _ = store.get_with_etag(key, limit=MAX_BYTES)
    except ObjectMissing:
        return None
    return parse_expected(data, where=store.uri(key))


def parse_expected(data: bytes, *, where: str) -> Expected:
    """Read a list: CSV with a header, `vehicle` and, if wanted, `firmware_from` and `firmware`.

    Raises:
        BadInput: naming the line, what it holds and what was expected.
    """
    if len(data) > MAX_BYTES:
        raise BadInput("is too large", where=where, expected=f"at most {MAX_BYTES} bytes")
    try:
        rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        header = [name.strip() for name in next(rows, [])]
        if "vehicle" not in header:
            raise BadInput(
                f"line 1 is {', '.join(header)!r}",
                where=where,
                expected="a header with the column 'vehicle'",
                hint=_HINT,
            )
        vehicles: dict[str, str | None] = {}
        targets: set[str] = set()
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            named = {k: v.strip() for k, v in zip(header, row, strict=False)}
            vehicle = _name(named, "vehicle", rows.line_num, where)
            if vehicle in vehicles:
                raise BadInput(
                    f"line {rows.line_num} names the vehicle {vehicle!r} again",
                    where=where,
                    expected="every vehicle once",
                    hint=_HINT,
                )
            vehicles[str(vehicle)] = _name(named, "firmware_from", rows.line_num, where)
            target = _name(named, "firmware", rows.line_num, where)
            targets |= {target} if target else set()
    except UnicodeDecodeError as error:
        raise BadInput(
            f"is not UTF-8 at byte {error.start}", where=where, expected="CSV in UTF-8", hint=_HINT
        ) from error
    except csv.Error as error:
        raise BadInput(f"is no CSV: {error}", where=where, expected="CSV", hint=_HINT) from error
    if len(targets) > 1:
        raise BadInput(
            f"names the versions {', '.join(sorted(targets))}",
            where=where,
            expected="one version in the column 'firmware', since a campaign brings one",
            hint=_HINT,
        )
    return Expected(vehicles, next(iter(targets), None))


def _name(row: Mapping[str, str], column: str, line: int, where: str) -> str | None:
    value = row.get(column) or None
    if column != "vehicle" and value is None:
        return None
    if not is_safe_name(value):
        raise BadInput(
            f"line {line}: {column} is {value!r}", where=where, expected=SAFE_NAME_RULE, hint=_HINT
        )
    return value
