"""The pattern: what it reads from a key, and what is said of one that cannot be used."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_pipeline.adopt.pattern import FIELDS, BadKey, BadPattern, Pattern
from argus_pipeline.batches.names import is_safe_name

DOCUMENTED = "{vehicle}/{firmware}/{time:%Y%m%dT%H%M%SZ}/{file}"
TIME = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
FOLDERS = (
    DOCUMENTED,
    "{platform}/{vehicle}/{firmware}/{time:%Y/%m/%d/%H-%M-%S}/{path}",
    "year={time:%Y}/month={time:%m}/day={time:%d}/{vehicle}/{time:%H%M%S}/{file}",
    "{campaign}/{firmware_from}/{firmware}/{vehicle}/{time:%Y%j.%H.%M.%S}/{any}/{file}",
    "{vehicle}/{{{time:%Y-%m-%dT%H:%M:%S%z}}}/{vehicle}/{time:%Y}/{file}.dlt",
)
NAMES = st.text("abcXYZ019._-", min_size=1, max_size=20).filter(is_safe_name)
TIMES = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(
    lambda time: time.replace(microsecond=0)
)


def key_of(pattern: str, time: datetime, said: dict[str, str]) -> str:
    """The key that says this by a pattern."""

    def written(found: re.Match[str]) -> str:
        name, _, form = found[1].partition(":")
        return time.strftime(form) if name == "time" else said[name]

    doubled = pattern.replace("{{", "\0").replace("}}", "\1")
    return re.sub(r"\{([^{}]*)\}", written, doubled).replace("\0", "{").replace("\1", "}")


def test_the_documented_pattern_reads_the_documented_key() -> None:
    facts = Pattern(DOCUMENTED).read("LFV3A23C0K3000001/v2.3.1/20261123T101500Z/ecu1.dlt")
    assert facts is not None
    assert facts.fields == {"vehicle": "LFV3A23C0K3000001", "firmware": "v2.3.1"}
    assert (facts.time, facts.name) == (TIME, "ecu1.dlt")
    assert facts.place == "LFV3A23C0K3000001/v2.3.1/20261123T101500Z/*"


@given(st.sampled_from(FOLDERS), TIMES, st.data())
def test_what_was_written_by_a_pattern_is_read_by_it(
    pattern: str, time: datetime, data: st.DataObject
) -> None:
    said = {name: data.draw(NAMES, name) for name in (*FIELDS, "file", "path", "any")}
    checked = Pattern(pattern)
    facts = checked.read(key_of(pattern, time, said))
    assert facts is not None
    assert facts.fields == {field: said[field] for field in checked.fields}
    assert facts.time == time
    assert facts.name.removesuffix(".dlt") in {said["file"], said["file"][:-4], said["path"]}


@given(st.sampled_from(FOLDERS), TIMES, st.data())
def test_a_place_differs_where_a_field_or_the_time_does_and_only_there(
    pattern: str, time: datetime, data: st.DataObject
) -> None:
    said = {name: data.draw(NAMES, name) for name in (*FIELDS, "file", "path", "any")}
    checked = Pattern(pattern)

    def place(moment: datetime = time, **other: str) -> str:
        facts = checked.read(key_of(pattern, moment, {**said, **other}))
        assert facts is not None
        return facts.place

    assert place(file="other", path="a/b/c", any="other") == place()
    for field in checked.fields:
        assert (place(**{field: said[field] + "x"})) != place()
    assert place(time.replace(year=time.year + 1)) != place()


@given(st.text(), st.text())
def test_a_text_is_a_pattern_that_reads_any_key_or_is_refused(text: str, key: str) -> None:
    try:
        pattern = Pattern(text)
    except BadPattern:
        return
    pattern.read(key)
    pattern.stops_at(key)


@given(st.text())
def test_any_key_is_read_or_does_not_fit(key: str) -> None:
    for text in FOLDERS:
        assert Pattern(text).read(key) is None
        Pattern(text).stops_at(key)


def test_a_flat_folder_makes_a_batch_of_a_time() -> None:
    pattern = Pattern("{vehicle}_{any}_{time:%Y%m%d-%H%M%S}.dlt")
    ecu1, ecu2 = (pattern.read(f"V1_{ecu}_20261123-101500.dlt") for ecu in ("ecu1", "ecu2"))
    assert ecu1 is not None
    assert ecu2 is not None
    assert ecu1.place == ecu2.place == "V1_*_20261123-101500.dlt"
    assert (ecu1.name, ecu2.name) == ("V1_ecu1_20261123-101500.dlt", "V1_ecu2_20261123-101500.dlt")


def test_a_batch_placeholder_holds_together_what_has_other_times() -> None:
    pattern = Pattern("{vehicle}/{batch}/{time:%Y%m%dT%H%M%S}_{file}")
    one = pattern.read("V1/drive7/20261123T101500_a.dlt")
    other = pattern.read("V1/drive7/20261123T111500_b.dlt")
    assert one is not None
    assert other is not None
    assert one.place == other.place == "V1/drive7/*_*"
    assert (one.name, other.name) == ("a.dlt", "b.dlt")
    assert one.time < other.time


def test_a_time_without_a_zone_is_utc_and_one_with_a_zone_becomes_it() -> None:
    zoned = Pattern("{vehicle}/{time:%Y%m%dT%H%M%S%z}/{file}")
    facts = zoned.read("V1/20261123T181500+0800/a")
    assert facts is not None
    assert facts.time == TIME


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("V1/v1/20261323T101500Z/a", "there is no time '2026 13 23"),
        ("V 1/v1/20261123T101500Z/a", "the vehicle 'V 1' is no safe name"),
        ("V1/../20261123T101500Z/a", "the firmware '..' is no safe name"),
    ],
)
def test_a_key_that_fits_and_says_what_cannot_be_is_an_error(key: str, said: str) -> None:
    with pytest.raises(BadKey, match=re.escape(said)):
        Pattern(DOCUMENTED).read(key)


def test_a_year_that_no_zone_leaves_in_the_calendar_is_an_error() -> None:
    with pytest.raises(BadKey, match="there is no time"):
        Pattern("{vehicle}/{time:%Y%m%d%H%z}/{file}").read("V1/9999123123-2300/a")


@pytest.mark.parametrize(
    ("key", "stops"),
    [
        ("V1/v1/2026-11-23/a.dlt", "{time:%Y%m%dT%H%M%SZ}"),
        ("readme.txt", "/"),
        ("", "{vehicle}"),
        ("V1/v1/20261123T101500Z/", "{file}"),
        ("V1/v1/20261123T101500Z/ecu1/a.dlt", None),
    ],
)
def test_it_says_where_a_key_stops_to_fit(key: str, stops: str | None) -> None:
    pattern = Pattern(DOCUMENTED)
    assert pattern.read(key) is None
    assert pattern.stops_at(key) == stops


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{vehicle}/{vin}/{time:%Y%m%d}/{file}", "has the placeholder {vin} at character 11"),
        ("{vehicle:x}/{time:%Y%m%d}/{file}", "has the placeholder {vehicle:x} at character 1"),
        ("{vehicle}/{time}/{file}", "has the placeholder {time} at character 11"),
        ("{vehicle}/{time:%Y%m%Q}/{file}", "has '%Q' in {time:%Y%m%Q} at character 11"),
        ("{vehicle}/{time:%Y%m%}/{file}", "has '%' in {time:%Y%m%} at character 11"),
        ("{vehicle}/{time:%H%M%S}/{file}", "names no day"),
        ("{vehicle}/{time:}/{file}", "names no day"),
        ("{vehicle}/{file}", "has no {time:FORMAT}"),
        ("{vehicle}/{time:%Y%m%d}/{file}/{file}", "says twice what a file is called"),
        ("{vehicle}/{path}/{time:%Y%m%d}/{file}", "says twice what a file is called"),
        ("{vehicle}{firmware}/{time:%Y%m%d}/{file}", "right behind {vehicle} at character 10"),
        ("{vehicle/{time:%Y%m%d}/{file}", "has a brace '{' without its other one at character 1"),
        ("{vehicle}}/{time:%Y%m%d}", "has a brace '}' without its other one at character 10"),
        ("", "has no {time:FORMAT}"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_named_with_the_place(text: str, said: str) -> None:
    with pytest.raises(BadPattern, match=re.escape(said)) as raised:
        Pattern(text)
    assert repr(text) in str(raised.value)
