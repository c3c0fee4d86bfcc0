"""Writes the seed corpus of the fuzz targets: `python native_parser/fuzz/make_seeds.py`.

The seeds are small recordings, one kind of message each: cut from the project's own samples, or put
together here from the formats' descriptions. The same bytes come out each time.
"""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
SAMPLES = HERE.parent.parent / "tests" / "data"

Seeds = dict[str, bytes]


# ---------------------------------------------------------------- DLT


def split_dlt(recording: bytes, framing: int) -> list[bytes]:
    """The messages of an undamaged recording with so many bytes before each standard header."""
    messages = []
    at = 0
    while at + framing + 4 <= len(recording):
        size = framing + struct.unpack_from(">H", recording, at + framing + 2)[0]
        messages.append(recording[at : at + size])
        at += size
    return messages


def dlt(
    payload: bytes,
    *,
    msin: int | None = 0x41,
    arguments: int = 1,
    htyp: int = 0x34,
    framing: bytes = b"DLT\x01\xfe\x61\x04\x6b\x55\x6e\x0b\x00ECU1",
) -> bytes:
    """One message of version 1; without `msin` it has no extended header."""
    rest = (b"ECU1" if htyp & 4 else b"") + (b"\0\0\0\x2a" if htyp & 8 else b"")
    rest += b"\x00\x9b\xce\x38" if htyp & 16 else b""
    if msin is not None:
        htyp |= 1
        rest += bytes([msin, arguments]) + b"APP1CTX1"
    rest += payload
    return framing + struct.pack(">BBH", htyp, 7, 4 + len(rest)) + rest


def dlt_arguments() -> Seeds:
    """Every type of verbose argument, named and not, in both byte orders."""
    little = {
        "bool": struct.pack("<IB", 0x10, 1),
        "bool8_named": struct.pack("<IH", 0x811, 2) + b"o\0\1",
        "sint128": struct.pack("<I", 0x25) + b"\xff" * 16,
        "uint64_hex": struct.pack("<IQ", 0x10044, 0xABCDEF),
        "uint8_binary": struct.pack("<IB", 0x18041, 5),
        "uint16_unit": struct.pack("<IHH", 0x842, 2, 2) + b"n\0V\0\7\0",
        "float16": struct.pack("<IH", 0x82, 0x3C00),
        "float32": struct.pack("<If", 0x83, 13.99),
        "float64_unit": struct.pack("<IHH", 0x884, 2, 2) + b"b\0V\0" + struct.pack("<d", 0.1),
        "float128": struct.pack("<I", 0x85) + bytes(16),
        "fixed_point": struct.pack("<IfiB", 0x1041, 0.5, 3, 10),
        "fixed_point64": struct.pack("<IfqQ", 0x1044, 0.25, -3, 10),
        "text_utf8": struct.pack("<IH", 0x8200, 5) + b"\xc3\xa4\xe6\x97\xa5",
        "text_named": struct.pack("<IHH", 0xA00, 5, 4) + b"ver\0v2.3\0",
        "text_no_nul": struct.pack("<IH", 0x200, 2) + b"ab",
        "text_bad_utf8": struct.pack("<IH", 0x8200, 4) + b"\xff\xc3\x01\x7f",
        "raw": struct.pack("<IH", 0x400, 4) + b"DLT\x01",
        "trace_info": struct.pack("<IH", 0x2000, 3) + b"abc",
        "array": struct.pack("<IHH", 0x141, 1, 3) + b"\1\2\3",
        "structure": struct.pack("<IH", 0x4000, 1) + struct.pack("<IB", 0x41, 1),
        "length_beyond": struct.pack("<IH", 0x200, 0xFFFF) + b"ab",
    }
    seeds = {f"argument_{name}": dlt(payload) for name, payload in little.items()}
    seeds["arguments_missing"] = dlt(little["bool"], arguments=9)
    seeds["big_endian"] = dlt(struct.pack(">IHII", 0x200, 2, 0x61620000, 0x41), htyp=0x36)
    seeds["everything"] = dlt(b"".join(little.values()), arguments=len(little))
    return seeds


def dlt_control() -> Seeds:
    """Requests, responses and other kinds of messages."""
    log_info = struct.pack("<IBH4sH4sbb", 3, 7, 1, b"APP1", 1, b"CTX1", 4, 0)
    log_info += struct.pack("<H2sH2s", 2, b"dc", 2, b"da") + b"remo"
    services = {
        "software_version": struct.pack("<IBI", 0x13, 0, 4) + b"v1.2",
        "software_version_no_length": struct.pack("<IB", 0x13, 0) + b"v1.23",
        "log_info": log_info,
        "overflow": struct.pack("<IBI", 0x14, 0, 5),
        "unregister": struct.pack("<IB", 0xF01, 0) + b"APP1CTX1remo",
        "connection": struct.pack("<IBB", 0xF02, 0, 2) + b"remo",
        "time_zone": struct.pack("<IBiB", 0xF03, 0, 3600, 1),
        "marker": struct.pack("<IB", 0xF04, 0),
        "injection": struct.pack("<II", 0x1000, 3) + b"abc",
    }
    seeds = {f"control_{name}": dlt(body, msin=0x26) for name, body in services.items()}
    seeds["control_request"] = dlt(struct.pack("<I", 0x13), msin=0x16, arguments=0)
    seeds["control_time"] = dlt(b"", msin=0x36, arguments=0)
    network = struct.pack("<IH", 0x400, 2) + b"\1\2" + struct.pack("<IH", 0x400, 1) + b"\3"
    seeds["network_trace"] = dlt(network, msin=0x25, arguments=2)
    seeds["non_verbose"] = dlt(struct.pack("<I", 42) + b"raw", msin=0x40, arguments=0)
    seeds["no_extended_header"] = dlt(struct.pack("<I", 43), msin=None)
    seeds["shortest"] = dlt(b"", msin=None, htyp=0x20)
    seeds["with_session"] = dlt(struct.pack("<IB", 0x41, 7), htyp=0x3C)
    return seeds


def dlt_version2(
    content: int, payload: bytes, *, order: str, options: int = 0, framing: str = "storage"
) -> bytes:
    """One message of version 2: content 0 verbose, 1 non-verbose, 2 control."""
    rest = b"" if content == 1 else bytes([0x26 if content == 2 else 0x41, 1])
    if content != 2:
        rest += struct.pack(order + "I", 14_263_000) + (1_760_000_000).to_bytes(5, "big")
    if content == 1:
        rest += struct.pack(order + "I", 1042)
    ids = {0x04: b"\4ECU2", 0x08: b"\5APPID\3CTX", 0x10: struct.pack(order + "I", 99)}
    extras = {
        0x100: b"\6main.c" + struct.pack(order + "I", 120),
        0x200: b"\2\3one\3two",
        0x400: b"\3",
    }
    for bit, field in (ids | extras).items():
        rest += field if options & bit else b""
    rest += payload
    head = struct.pack(order + "IBH", 0x40 | content | options, 9, 7 + len(rest))
    storage = b"DLT\x02" + (1_760_000_001).to_bytes(5, "big")
    storage += struct.pack(order + "I", 55_000) + b"\4STOR"
    return {"storage": storage, "serial": b"DLS\x02", "bare": b""}[framing] + head + rest


def dlt_seeds() -> Seeds:
    """All of DLT: one message or a few in a file."""
    seeds: Seeds = {}
    golden = split_dlt((SAMPLES / "dlt" / "golden.dlt").read_bytes(), 16)
    for number, message in enumerate(golden):
        seeds[f"golden_{number:02}"] = message
    for name, sample, before in [
        ("storage", "c_clean", 16),
        ("serial", "c_serial", 4),
        ("bare", "c_nostorage", 0),
    ]:
        messages = split_dlt((SAMPLES / "dlt" / f"{sample}.dlt").read_bytes()[:4000], before)
        seeds[f"{name}_first"] = b"".join(messages[:5])
    seeds |= dlt_arguments() | dlt_control()
    text = struct.pack("<IH", 0x200, 3) + b"hi\0"
    every_option = 0x04 | 0x08 | 0x10 | 0x100 | 0x200 | 0x400
    for dialect, order in [("little", "<"), ("big", ">")]:
        for kind, content, payload in [
            ("verbose", 0, text),
            ("non_verbose", 1, b"raw"),
            ("control", 2, struct.pack("<IBI", 0x13, 0, 4) + b"v1.2"),
        ]:
            for framing in ("storage", "serial", "bare"):
                message = dlt_version2(content, payload, order=order, framing=framing)
                seeds[f"v2_{dialect}_{kind}_{framing}"] = message * 2
        seeds[f"v2_{dialect}_options"] = dlt_version2(0, text, order=order, options=every_option)
        seeds[f"v2_{dialect}_segment"] = dlt_version2(1, text, order=order, options=0x800)
    one, other = golden[0], dlt(text, framing=b"DLS\x01")
    seeds["mixed_framings"] = one + other + dlt_version2(0, text, order=">") + one
    seeds["garbage_between"] = one + b"\0" * 9 + b"DLT" + other
    seeds["length_too_long"] = one[:19] + b"\x9a" + one[20:] + golden[1] + other
    seeds["length_too_short"] = one[:19] + b"\x10" + one[20:] + other
    seeds["torn"] = one + golden[1][:20]
    seeds["head_cut"] = one[20:] + other
    return seeds


# ---------------------------------------------------------------- .rec


def varint(value: int) -> bytes:
    """An unsigned number, seven bits a byte."""
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def number(field: int, value: int, *, signed: bool = False) -> bytes:
    """A varint field; signed ones are zigzag."""
    if signed:
        value = value << 1 if value >= 0 else (-value << 1) - 1
    return varint(field << 3) + varint(value)


def delimited(field: int, content: bytes) -> bytes:
    """A text, bytes or message field."""
    return varint(field << 3 | 2) + varint(len(content)) + content


def envelope(data_type: int, payload: bytes, *, sender: int = 0, times: int = 3) -> bytes:
    """One envelope with its header."""
    stamp = number(1, 1_762_684_414, signed=True) + number(2, 14_263, signed=True)
    content = number(1, data_type, signed=True) + delimited(2, payload)
    content += b"".join(delimited(3 + time, stamp) for time in range(times))
    content += number(6, sender) if sender else b""
    return b"\x0d\xa4" + len(content).to_bytes(3, "little") + content


def rec_seeds() -> Seeds:
    """Envelopes of the message types in harness.hpp, of unknown ones, and damaged ones."""
    inner = number(1, 200) + delimited(2, b"text")
    scalars = {
        "bool": number(1, 1),
        "char": number(2, ord("x")),
        "int8": number(3, -128, signed=True),
        "uint8_too_large": number(4, 300),
        "int16": number(5, -2, signed=True),
        "uint16": number(6, 65_535),
        "int32": number(7, -(2**31), signed=True),
        "uint32": number(8, 2**32 - 1),
        "int64": number(9, -(2**63), signed=True),
        "uint64": number(10, 2**64 - 1),
        "float": varint(11 << 3 | 5) + struct.pack("<f", -1.5),
        "double": varint(12 << 3 | 1) + struct.pack("<d", 1e300),
        "string": delimited(13, b'quote " comma , \r\n \xff'),
        "bytes": delimited(14, b"\x0d\xa4\0"),
        "nested": delimited(2000, inner),
    }
    seeds = {f"scalar_{name}": envelope(1, field) for name, field in scalars.items()}
    every = envelope(1, b"".join(scalars[name] for name in scalars if "too_large" not in name))
    outer = envelope(3, delimited(1, inner) + delimited(2, b""), sender=2)
    empty = envelope(-4, b"", sender=2**32 - 1)
    unknown = envelope(77, b"\x08\x01\x0d\xa4\x05", times=1)
    seeds |= {
        "every_scalar": every,
        "defaults": envelope(1, b""),
        "outer": outer,
        "empty": empty,
        "unknown_id": unknown,
        "unknown_field": envelope(2, inner + number(9, 5) + delimited(10, b"x")),
        "wrong_wire_type": envelope(2, delimited(1, b"x")),
        "no_times": envelope(2, inner, times=0),
        "two_senders": envelope(2, inner) + envelope(2, inner, sender=5),
        "some": every + outer + unknown + empty,
        "garbage_between": outer + b"\x0d" * 9 + b"\xa4" + empty,
        "length_too_long": outer[:2] + b"\xff\xff\x00" + outer[5:] + empty,
        "length_too_short": outer[:2] + b"\x04\x00\x00" + outer[5:] + empty,
        "torn": outer + every[:20],
        "byte_left_out": outer[:-1] + outer + empty,
    }
    return seeds


# ---------------------------------------------------------------- .odvd


def specification_seeds() -> Seeds:
    """Specifications, good and bad; after a NUL, a recording to read with them."""
    seeds = {path.stem: path.read_bytes() for path in sorted((SAMPLES / "rec").glob("*.odvd"))}
    scalars = (
        "bool char int8 uint8 int16 uint16 int32 uint32 int64 uint64 float double string bytes"
    )
    fields = "".join(f"{kind} f{n} [id = {n}];" for n, kind in enumerate(scalars.split(), 1))

    def bottom_up(levels: int) -> str:
        return "message M0 [id = 0] { uint8 a [id = 1]; }" + "".join(
            f"message M{n} [id = {n}] {{ M{n - 1} a [id = 1]; }}" for n in range(1, levels)
        )

    texts = {
        "package": "package a.b; // comment\n/* one\n * more */ message x.Y [id = -7] { }",
        "scalars": f"message a.A [id = 1] {{ {fields} }}",
        "defaults": "message A [id = 1] { int8 a [default = -128, id = 1];"
        " char c [id = 2, default = '\\'']; double d [default = 1.5e-3, id = 3];"
        ' string s [default = "a\\"b\\n", id = 4]; uint32 h [default = 0xFF, id = 5];'
        " bool b [default = true, id = 6]; }",
        "nested": "message B [id = 2] { A a [id = 1]; A b [id = 2]; }"
        " message A [id = 1] { uint8 x [id = 1]; }",
        "deep": bottom_up(8),
        "deeper": bottom_up(40),
        "circle": "message A [id = 1] { B b [id = 1]; } message B [id = 2] { A a [id = 1]; }",
        "unknown_type": "message A [id = 1] { uint9 a [id = 1]; }",
        "id_twice": "message A [id = 1] { bool a [id = 1]; bool b [id = 1]; }",
        "not_closed": "message A [id = 1] { bool a [id = 1];",
        "comment_not_closed": "/* message",
    }
    seeds |= {name: text.encode() for name, text in texts.items()}
    inner = number(1, 7)
    seeds["nested_with_recording"] = (
        texts["nested"].encode() + b"\0" + envelope(2, delimited(1, inner)) + envelope(1, inner)
    )
    return seeds


# ---------------------------------------------------------------- the rest


def with_ending(seeds: Seeds, names: tuple[str, ...], ending: bytes) -> Seeds:
    """Some recordings with the bytes behind them that say how they are cut or written."""
    return {name: seeds[name] + ending for name in names}


def catalogue_seeds(of_dlt: Seeds) -> Seeds:
    """Kinds and sizes of items, and a payload; or 0x80 and a recording."""
    values = bytes([1, 0, 2, 2, 3, 4, 4, 1, 0xC5, 0, 6, 1])
    seeds = {
        "values": bytes([6]) + values + bytes(range(40)),
        "values_big_endian": bytes([0x46]) + values + bytes(range(40)),
        "string": b"\x02\0\0\x87\0" + struct.pack("<H", 3) + b"ab\0",
        "raw": b"\x01\x08\0" + struct.pack("<H", 2) + b"\xde\xad\xbe",
        "too_short": b"\x01\x03\x03abc",
        "nothing": b"\0",
    }
    recordings = {name: b"\x80" + recording for name, recording in of_dlt.items()}
    for name in ("non_verbose", "no_extended_header", "v2_little_non_verbose_bare", "everything"):
        seeds[f"recording_{name}"] = recordings[name]
    return seeds


def main() -> None:
    """Write everything anew."""
    of_dlt, of_rec = dlt_seeds(), rec_seeds()
    some_dlt = ("everything", "mixed_framings", "length_too_long", "garbage_between", "bare_first")
    some_rec = ("some", "length_too_long", "garbage_between", "two_senders")
    byte_by_byte, growing = b"\0\0", bytes([0, 2, 6, 40, 130, 0x84])
    corpora = {
        "dlt": of_dlt,
        "rec": of_rec,
        "chunks": {
            **with_ending(of_dlt, some_dlt, byte_by_byte),
            **{f"rec_{k}": v for k, v in with_ending(of_rec, some_rec, growing).items()},
        },
        "csv": {
            **with_ending(of_dlt, ("everything", "golden_00", "argument_text_bad_utf8"), b"\0"),
            **{f"rec_{k}": v for k, v in with_ending(of_rec, ("every_scalar",), b"\x0d").items()},
        },
        "specification": specification_seeds(),
        "catalogue": catalogue_seeds(of_dlt),
    }
    shutil.rmtree(CORPUS, ignore_errors=True)
    for target, seeds in corpora.items():
        folder = CORPUS / target
        folder.mkdir(parents=True)
        for name, content in sorted(seeds.items()):
            (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
