"""FIBEX catalogues: what is read of them, and what is said of broken ones."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import argus_native
import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_pipeline.errors import BadInput
from argus_pipeline.recordings.fibex import FibexCatalogue, looks_like_fibex, read_fibex
from argus_pipeline.recordings.fibex_types import MESSAGE_INFO, Coding, UnknownType, type_of
from argus_pipeline.recordings.xml_records import MAX_DEPTH

ONE_UINT8 = '<SIGNAL-INSTANCE><SIGNAL-REF ID-REF="S_UINT8"/></SIGNAL-INSTANCE>'
UINT8 = f"<SIGNAL-INSTANCES>{ONE_UINT8}</SIGNAL-INSTANCES>"

SIGNAL_X = '<SIGNAL ID="x"><CODING-REF ID-REF="y"/></SIGNAL>'


def catalogue(records: str) -> FibexCatalogue:
    return read_fibex(f"<FIBEX>\n{records}</FIBEX>".encode(), "c.xml")


def frame(message_id: object, *pdus: str, extension: str = "") -> str:
    refs = "".join(f'<PDU-INSTANCE><PDU-REF ID-REF="{p}"/></PDU-INSTANCE>' for p in pdus)
    return (
        f'<FRAME ID="ID_{message_id}"><SHORT-NAME>frame</SHORT-NAME><PDU-INSTANCES>{refs}'
        f"</PDU-INSTANCES><MANUFACTURER-EXTENSION>{extension}</MANUFACTURER-EXTENSION></FRAME>\n"
    )


def pdu(name: str, content: str) -> str:
    return f'<PDU ID="{name}">{content}</PDU>\n'


def signal(name: str) -> str:
    return UINT8.replace("S_UINT8", name)


def entry(found: FibexCatalogue, message_id: int) -> argus_native.CatalogueEntry:
    at = found.native.find(message_id)
    assert at is not None
    return at


def test_a_catalogue_says_text_sender_severity_and_source_of_a_message(data: Path) -> None:
    read = read_fibex((data / "fibex" / "brake.xml").read_bytes(), "brake.xml")
    assert read.warnings == ()
    assert len(read.native) == 3
    started = entry(read, 100)
    assert started.render(b"") == ("brake controller started", 0)
    assert (started.name, started.app, started.context) == ("Started", "BRAK", "MAIN")
    assert (started.type, started.subtype) == (0, 4)
    assert (started.source_file, started.source_line) == ("src/main.c", 42)


def test_values_stand_in_the_order_of_their_sequence_numbers(data: Path) -> None:
    read = read_fibex((data / "fibex" / "brake.xml").read_bytes(), "brake.xml")
    low = entry(read, 101)
    assert low.render(struct.pack("<fB", 12.5, 3)) == (
        "pressure low: pressure: 12.5 bar wheel: 3",
        0,
    )
    assert (low.context, low.subtype, low.source_line) == ("", 2, None)


def test_every_type_is_read_in_the_byte_order_of_the_message(data: Path) -> None:
    read = read_fibex((data / "fibex" / "brake.xml").read_bytes(), "brake.xml")
    every = entry(read, 102)
    for order in "<>":
        payload = struct.pack(
            f"{order}?hQedH4sH3sHBhB", True, -2, 2**63, 0.5, 0.1, 4, "hü".encode() + b"\0",
            3, b"\1\2\xff", 0xBEEF, 0x5A, -40, 9,
        )  # fmt: skip
        assert every.render(payload, big_endian=order == ">") == (
            "1 -2 9223372036854775808 0.5 0.1 hü 01'02'ff 0xbeef 0b0101 1010 -40",
            1,
        )
        for size in range(len(payload) - 1):
            with pytest.raises(ValueError, match="shorter"):
                every.render(payload[:size], big_endian=order == ">")


def test_a_later_catalogue_adds_and_does_not_replace(data: Path) -> None:
    read = read_fibex((data / "fibex" / "brake.xml").read_bytes(), "brake.xml")
    later = read_fibex((data / "fibex" / "door.fibex").read_bytes(), "door.fibex")
    merged = read.native
    assert merged.merge(later.native) == []
    # Two applications have a message 100: the header tells which.
    for app, text in (("BRAK", "brake controller started"), ("DOOR", "door open 1")):
        found = merged.find(100, app=app, context="MAIN")
        assert found is not None
        assert found.render(b"\1")[0] == text
    assert merged.find(100, app="SEAT", context="MAIN") is None
    first = merged.find(100)
    assert first is not None
    assert first.app == "BRAK"

    changed = catalogue(frame(102) + frame(103))
    assert merged.merge(changed.native) == [(102, "frame")]
    assert len(merged) == 5


def test_the_info_alone_says_the_type_too(data: Path) -> None:
    read = read_fibex((data / "fibex" / "door.fibex").read_bytes(), "door.fibex")
    assert (entry(read, 100).type, entry(read, 100).subtype) == (0, 3)
    assert MESSAGE_INFO["DLT_TRACE_VFB"] == (1, 5)
    assert MESSAGE_INFO["DLT_NW_TRACE_SOMEIP"] == (2, 6)


def test_an_info_of_another_type_or_no_word_of_dlt_is_not_believed() -> None:
    other = (
        "<MESSAGE_TYPE>DLT_TYPE_NW_TRACE</MESSAGE_TYPE><MESSAGE_INFO>DLT_LOG_INFO</MESSAGE_INFO>"
    )
    none = "<MESSAGE_TYPE>LOUD</MESSAGE_TYPE><MESSAGE_LINE_NUMBER>x</MESSAGE_LINE_NUMBER>"
    read = catalogue(frame(1, extension=other) + frame(2, extension=none))
    assert (entry(read, 1).type, entry(read, 1).subtype) == (2, None)
    assert (entry(read, 2).type, entry(read, 2).source_line) == (None, None)


def test_a_description_beside_signals_is_no_text_of_the_message() -> None:
    described = pdu("a", f"<DESC>temperature</DESC><BYTE-LENGTH>1</BYTE-LENGTH>{UINT8}")
    assert entry(catalogue(described + frame(1, "a")), 1).render(b"\7") == ("7", 0)


def test_a_pdu_without_anything_is_nothing() -> None:
    read = catalogue(pdu("a", "<DESC></DESC><BYTE-LENGTH>0</BYTE-LENGTH>") + frame(1, "a"))
    assert read.warnings == ()
    assert entry(read, 1).render(b"\1\2") == ("", 2)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("", "c.xml:2:"),
        (pdu("bad", signal("S_ODD")), "the signal 'S_ODD' is not there"),
        (
            pdu("bad", signal("x")) + '<SIGNAL ID="x"><CODING-REF ID-REF="y"/></SIGNAL>',
            "coding 'y'",
        ),
        (
            pdu("bad", signal("x"))
            + SIGNAL_X
            + '<CODING ID="y"><CODED-TYPE BASE-DATA-TYPE="A_ODD"/></CODING>',
            "the base data type 'A_ODD' (expected one of A_BOOLEAN, A_UINT8,",
        ),
        (pdu("bad", "<BYTE-LENGTH>4</BYTE-LENGTH>"), "nothing says what its 4 bytes are"),
    ],
)
def test_what_follows_a_part_that_cannot_be_read_stays_raw(broken: str, said: str) -> None:
    text = pdu("text", "<DESC>before</DESC>")
    read = catalogue(frame(1, "text", "bad", "text") + text + broken)
    assert entry(read, 1).render(b"\1\2") == ("before", 2)
    [warning] = read.warnings
    assert warning.startswith("c.xml:")
    assert said in warning
    assert "(expected " in warning
    assert "stays raw" in warning


def test_a_broken_pdu_is_named_once_with_its_place() -> None:
    read = catalogue("".join(frame(i, "bad") for i in range(9)) + pdu("bad", signal("S_ODD")))
    [warning] = read.warnings
    assert warning.startswith("c.xml:11:1: PDU 'bad': the signal 'S_ODD' is not there")
    assert len(read.native) == 9


def test_lengths_that_disagree_are_named_and_the_signals_count() -> None:
    read = catalogue(pdu("a", f"<BYTE-LENGTH>4</BYTE-LENGTH>{UINT8}") + frame(1, "a"))
    assert entry(read, 1).render(b"\1\2\3\4") == ("1", 3)
    [warning] = read.warnings
    assert "PDU 'a' has 4 bytes, and its signals 1" in warning


def test_the_first_of_two_frames_stays_and_the_second_is_named() -> None:
    texts = pdu("a", "<DESC>first</DESC>") + pdu("b", "<DESC>second</DESC>")
    read = catalogue(texts + frame(7, "a") + frame(7, "a") + frame(7, "b"))
    assert entry(read, 7).render(b"") == ("first", 0)
    [warning] = read.warnings
    assert warning.startswith("c.xml:6:1: frame ID_7 is left out")


def test_the_first_of_two_pdus_stays_and_the_second_is_named() -> None:
    texts = pdu("a", "<DESC>first</DESC>") + pdu("a", "<DESC>second</DESC>")
    read = catalogue(texts + frame(1, "a"))
    assert entry(read, 1).render(b"") == ("first", 0)
    assert "another PDU has the ID 'a' and other content" in read.warnings[0]


def test_frames_of_other_buses_are_counted() -> None:
    read = catalogue(frame(1) + '<FRAME ID="CAN_1"/><FRAME ID="ID_4294967296"/>')
    assert len(read.native) == 1
    assert "2 frames are left out" in read.warnings[0]


def test_only_so_many_warnings_are_listed() -> None:
    read = catalogue("".join(frame(i, "none") for i in range(1000)))
    assert len(read.warnings) == 51
    assert read.warnings[-1] == "c.xml: 950 more such places"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "c.xml:1:1: not well-formed XML: no element found"),
        ("no XML", "c.xml:1:1: not well-formed XML"),
        ("<FIBEX>\n <FRAME></FIBEX>", "c.xml:2:11: not well-formed XML: mismatched tag"),
        ("<FIBEX/>", "c.xml: has no frame of a DLT message (expected FRAME elements"),
        ('<FIBEX><FRAME ID="CAN_1"/></FIBEX>', "has no frame of a DLT message among 1 frames"),
        ("<AUTOSAR/>", "is an AUTOSAR description (ARXML) (expected a FIBEX catalogue"),
        ("<svg/>", "begins with <svg>"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><FIBEX>&b;</FIBEX>', "c.xml:1:13: has a document type"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><FIBEX/>', "has a document type declaration"),
        ("<FIBEX>&unknown;</FIBEX>", "undefined entity"),
        ('<?xml version="1.0" encoding="martian"?><FIBEX/>', "unknown encoding"),
        ("<FIBEX>" * (MAX_DEPTH + 1), "is nested too deeply (expected at most 100 levels)"),
        ("<FIBEX><PDU>" + "<A/>" * 50_001, "one <PDU> holds too much"),
    ],
)
def test_what_is_no_catalogue_is_an_error_that_says_where_and_why(content: str, said: str) -> None:
    with pytest.raises(BadInput) as error:
        read_fibex(content.encode(), "c.xml")
    assert said in str(error.value)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1", "windows-1252"])
def test_the_encoding_is_the_one_that_the_file_declares(encoding: str) -> None:
    declared = "utf-8" if encoding == "utf-8-sig" else encoding
    text = f'<?xml version="1.0" encoding="{declared}"?><FIBEX>'
    text += pdu("a", "<DESC>Tür</DESC>") + frame(1, "a") + "</FIBEX>"
    read = read_fibex(text.encode(encoding), "c.xml")
    assert entry(read, 1).render(b"") == ("Tür", 0)


def test_no_small_file_makes_a_large_catalogue() -> None:
    # Each of many frames refers to the same large PDU.
    many = f"<SIGNAL-INSTANCES>{ONE_UINT8 * 255}</SIGNAL-INSTANCES>"
    with pytest.raises(BadInput, match="more than 2,000,000 texts and values together"):
        catalogue(pdu("a", many) + "".join(frame(i, "a") for i in range(8000)))
    read = catalogue(pdu("a", many) + frame(1, "a", "a"))
    assert "at most 255" in read.warnings[0]
    assert entry(read, 1).render(bytes(300))[1] == 45


def test_a_catalogue_is_told_from_other_xml_by_its_first_bytes(data: Path) -> None:
    assert looks_like_fibex((data / "fibex" / "brake.xml").read_bytes()[:300])
    assert looks_like_fibex("<a:FIBEX>".encode("utf-16"))
    for other in (b"", b"<svg/>", b"\0\1", b"<!DOCTYPE a><FIBEX>", b"<AUTOSAR>"):
        assert not looks_like_fibex(other)


def test_a_coding_says_how_many_bits_of_what_are_sent() -> None:
    def read(base: str, bits: str = "", encoding: str = "") -> tuple[str, int]:
        return type_of("s", {"s": "c"}, {"c": Coding(base, bits, encoding)})

    assert read("A_UINT32") == ("uint", 32)
    assert read("A_UINT32", "8") == ("uint", 8)
    assert read("A_FLOAT32", "16") == ("float", 16)
    assert read("A_SINT64") == read("A_INT64") == ("sint", 64)
    assert read("A_UNICODE2STRING", encoding="UTF-8") == ("string", 0)
    assert read("A_BYTEFIELD") == ("raw", 0)
    # What everybody calls S_BOOL is one, although no coding can say so.
    assert type_of("S_BOOL", {"S_BOOL": "c"}, {"c": Coding("A_UINT8", "8", "")}) == ("bool", 8)
    for base, bits, encoding in (
        ("A_UINT8", "3", ""),
        ("A_FLOAT64", "128", ""),
        ("A_UINT8", "many", ""),
        ("A_UNICODE2STRING", "", "UCS-2"),
    ):
        with pytest.raises(UnknownType):
            read(base, bits, encoding)


def test_a_catalogue_that_is_in_use_does_not_change() -> None:
    merged = argus_native.Catalogue()
    assert merged.add(1, [("uint", 8, "", "")], name="a")
    assert merged.add(1, [("uint", 8, "", "")], name="a")
    assert not merged.add(1, [("uint", 16, "", "")], name="a")
    for items in ([("odd", 8, "", "")], [("uint", 7, "", "")], [("float", 8, "", "")]):
        with pytest.raises(ValueError, match=r"items|size"):
            merged.add(2, items)
    argus_native.Parser(catalogue=merged)
    with pytest.raises(RuntimeError, match="a parser reads this catalogue"):
        merged.add(3, [])


@given(st.binary(max_size=200), st.booleans())
def test_any_payload_is_shown_or_refused(payload: bytes, big_endian: bool) -> None:
    items = [
        ("string", 0, "", ""),
        ("sint", 128, "n", "u"),
        ("raw", 0, "", ""),
        ("text", 0, "t", ""),
    ]
    merged = argus_native.Catalogue()
    merged.add(1, items)
    found = merged.find(1)
    assert found is not None
    try:
        shown, rest = found.render(payload, big_endian=big_endian)
    except ValueError:
        return
    assert shown.endswith(" t")
    assert 0 <= rest <= len(payload) - 20


@given(st.text(alphabet='<>/"= FIBEXRAMDUPSGN-ID_01&;!\n', max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(BadInput):
        catalogue(text)
