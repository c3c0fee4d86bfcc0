"""`argus inspect`: what is in a recording, and is it whole?"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import typer
from native_parser.made import dlt_text
from typer.testing import CliRunner, Result

from argus_pipeline.cli.inspect import inspect
from argus_pipeline.errors import BadInput

app = typer.Typer()
app.command()(inspect)


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_a_whole_recording_ends_with_status_0(data: Path) -> None:
    result = run(data / "dlt" / "c_clean.dlt")
    assert result.exit_code == 0
    first, *lines = result.stdout.splitlines()
    assert first.endswith("c_clean.dlt: whole")
    facts = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines[:6]}
    assert facts["format"] == "AUTOSAR DLT"
    assert facts["damage"] == "none"
    assert facts["messages"].startswith("2,000 (verbose 2,000) from 1 ECU, 1 application, 4")
    assert not any(line != line.rstrip() for line in lines)


def test_damage_ends_with_status_3_and_says_where_and_why(data: Path) -> None:
    result = run(data / "dlt" / "c_garbage5k.dlt")
    assert result.exit_code == 3
    assert "c_garbage5k.dlt: damaged" in result.stdout
    assert "5,000 bytes (2.1 %) in 1 fault\n" in result.stdout
    assert "114,877  5,000  bytes that belong to no DLT message" in result.stdout


def test_nothing_is_written(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setattr("tempfile.tempdir", None)
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.dlt.gz").write_bytes(gzip.compress((data / "dlt" / "golden.dlt").read_bytes()))
    monkeypatch.chdir(folder)
    assert run("a.dlt.gz").exit_code == 0
    assert [p.name for p in folder.iterdir()] == ["a.dlt.gz"]
    assert list(scratch.iterdir()) == []


def test_lists_end_after_ten_unless_all_are_wanted(tmp_path: Path) -> None:
    recording = tmp_path / "many.dlt"
    recording.write_bytes(b"".join(dlt_text(b"x", app=b"A%03d" % n) + b"?" for n in range(30)))
    result = run(recording)
    assert "… and 20 more: --all\n" in result.stdout
    assert "… and 20 more: --all, or quarantine.json of `argus parse`" in result.stdout
    assert "A029" not in result.stdout
    everything = run(recording, "--all").stdout
    assert "more: --all" not in everything
    assert "A029" in everything


def test_json_is_one_object_for_each_recording(data: Path) -> None:
    paths = [data / "dlt" / "golden.dlt", data / "dlt" / "c_len_2.dlt"]
    result = run(*paths, "--json")
    assert result.exit_code == 3
    found = json.loads(result.stdout)
    assert [f["recording"] for f in found] == [str(path) for path in paths]
    assert [f["status"] for f in found] == ["parsed", "partial"]


def test_a_folder_is_inspected_as_it_is_parsed(data: Path, tmp_path: Path) -> None:
    for name in ("alltypes.rec", "alltypes.odvd"):
        shutil.copy(data / "rec" / name, tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    result = run(tmp_path)
    assert result.exit_code == 0
    assert "alltypes.Scalars" in result.stdout


def test_a_specification_beside_a_recording_is_not_searched(data: Path) -> None:
    recording = data / "rec" / "alltypes.rec"
    result = run(recording)
    assert result.exit_code == 3
    assert "alltypes.rec: whole, but in part kept raw" in result.stdout
    assert "--odvd names a file" in result.stdout
    assert run(recording, "--odvd", data / "rec" / "alltypes.odvd").exit_code == 0


def test_a_catalogue_is_asked_for_where_messages_need_one(data: Path) -> None:
    golden = data / "dlt" / "golden.dlt"
    assert "--fibex names a catalogue" in run(golden).stdout
    result = run(golden, "--fibex", data / "fibex" / "brake.xml")
    assert "--fibex names" not in result.stdout
    assert result.exit_code == 0


def test_several_recordings_end_with_how_many_are_whole(data: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("only text\n")
    result = run(data / "dlt" / "golden.dlt", data / "dlt" / "c_len_2.dlt", tmp_path)
    assert result.exit_code == 3
    *_, last = result.stdout.splitlines()
    assert last == "3 recordings: 1 whole; 1 damaged; 1 not readable"
    assert "notes.txt: not readable" in result.stdout


def test_a_torn_gzip_stream_is_damage(data: Path, tmp_path: Path) -> None:
    recording = tmp_path / "a.dlt.gz"
    recording.write_bytes(gzip.compress((data / "dlt" / "c_clean.dlt").read_bytes())[:-20_000])
    result = run(recording)
    assert result.exit_code == 3
    assert "a.dlt.gz: damaged" in result.stdout
    assert "the gzip data is torn off: its end is missing (byte " in result.stdout


def test_standard_input_and_pipes_are_recordings(data: Path, tmp_path: Path) -> None:
    golden = (data / "dlt" / "golden.dlt").read_bytes()
    command = [sys.executable, "-m", "argus_pipeline.cli.main", "inspect", "-"]
    done = subprocess.run(command, input=golden, capture_output=True, check=True)
    assert done.stdout.startswith(b"stdin: whole\n")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=[golden])
    writer.start()
    result = run(pipe)
    writer.join()
    assert result.exit_code == 0


def test_names_and_texts_are_printed_as_they_are(data: Path, tmp_path: Path) -> None:
    recording = tmp_path / "[bold]x[nothing].dlt"
    recording.write_bytes(dlt_text(b"x", app=b"[b]", context=b":+1:"))
    result = run(recording)
    assert result.stdout.splitlines()[0].endswith("[bold]x[nothing].dlt: whole")
    assert "[b]" in result.stdout
    assert ":+1:" in result.stdout


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nowhere\.dlt: there is no such file"):
        run(tmp_path / "nowhere.dlt")


def test_a_wrong_option_ends_with_status_2(data: Path) -> None:
    assert run(data / "dlt" / "golden.dlt", "--jobs", "-1").exit_code == 2
    assert run().exit_code == 2
