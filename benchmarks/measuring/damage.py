"""Sections on damage: what one fault costs us and the peers."""

from __future__ import annotations

from measuring import faults
from measuring.bench import Bench
from measuring.contest import say
from measuring.inputs import DLT, Piece, vehicle_rec
from measuring.table import Section


def lost(bench: Bench) -> Section:
    peers = bench.peers
    section = Section(
        "faults",
        "messages found of those that were in the recording (and lost to its one fault)",
        ("", "in it", "argus", "dlt-convert -a", "pydlt", "dlt-core"),
    )
    worst = 0
    for name, expected in faults.RECORDINGS.items():
        say(f"faults: {name}")
        mine = faults.ours(name)
        others = ["not its format"] * 3
        if name.endswith(".dlt"):
            outcomes = (
                faults.dlt_convert(peers.dlt_convert, name) if peers.dlt_convert else None,
                faults.counted(peers.pydlt, name, "--count") if peers.pydlt else None,
                faults.counted(peers.dlt_core, name) if peers.dlt_core else None,
            )
            others = [outcome.text(expected) if outcome else "missing" for outcome in outcomes]
        section.rows.append((name, f"{expected:,}", mine.text(expected), *others))
        section.figures.append(
            {"name": name, "expected": expected, "found": mine.found, "made_up": mine.made_up}
        )
        worst = max(worst, expected - mine.found)
        if expected - mine.found > 1 or mine.made_up:
            section.wrong.append(f"{name}: {mine.text(expected)}")
    for name, kept in faults.CLUON_KEEPS.items():
        expected = faults.RECORDINGS[name]
        section.notes.append(f"{name}: cluon-rec2csv, quoted, keeps {kept:,} ({kept - expected:,})")
    section.notes.append(
        "dlt-convert's lines are compared with those of the clean recording, as ours are;"
        " pydlt's and dlt-core's messages are only counted"
    )
    return section


def every_fault(bench: Bench) -> Section:
    section = Section(
        "every-fault",
        "every truncation and every change of one byte, exhaustively",
        ("", "bytes", "messages", "variants", "most lost"),
    )
    golden = (DLT / "golden.dlt").read_bytes()
    small = vehicle_rec().first(1500)
    pieces = {
        "golden.dlt": Piece(golden, 11),
        f"first {small.messages} messages of a .rec": small,
    }
    for name, piece in pieces.items():
        kinds = {"truncated": faults.every_truncation, "one byte changed": faults.every_change}
        if bench.is_quick:
            del kinds["one byte changed"]
        for kind, run in kinds.items():
            say(f"every-fault: {name}, {kind}")
            ended = run(piece)
            counts = (len(piece.content), piece.messages, ended.variants, ended.most_lost)
            section.rows.append((f"{name}, {kind}", *(f"{count:,}" for count in counts)))
            section.figures.append({"name": f"{name}, {kind}", "most_lost": ended.most_lost})
            if ended.most_lost > 1:
                section.wrong.append(f"{name}, {kind}: one fault costs {ended.most_lost} messages")
            if ended.unaccounted:
                section.wrong.append(f"{name}, {kind}: bytes do not add up {ended.unaccounted:,} ×")
    if bench.is_quick:
        section.notes.append("--quick leaves out the changes of one byte")
    return section
