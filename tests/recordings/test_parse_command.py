"""`argus parse`: no pipeline, no store; files in, files out."""

from __future__ import annotations

import csv
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from argus_pipeline.cli.parse import parse
from argus_pipeline.errors import BadInput
from argus_pipeline.recordings.local import find_inputs, output_names

ARGUS = (sys.executable, "-m", "argus_pipeline.cli.main")

app = typer.Typer()
app.command()(parse)


def run(*arguments: object, raises: bool = True) -> Result:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if raises and result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_a_whole_recording_ends_with_status_0(data: Path, tmp_path: Path) -> None:
    result = run(data / "dlt" / "golden.dlt", "--out", tmp_path)
    assert result.exit_code == 0
    assert "golden.dlt" in result.stdout
    assert sorted(p.name for p in (tmp_path / "golden.dlt").iterdir()) == [
        "lifecycles.csv",
        "lifecycles.parquet",
        "messages.csv",
        "messages.parquet",
        "recording.json",
        "sources.csv",
        "sources.parquet",
    ]


def test_damage_ends_with_status_3_and_says_where(data: Path, tmp_path: Path) -> None:
    result = run(data / "dlt" / "c_len_2.dlt", data / "dlt" / "golden.dlt", "--out", tmp_path)
    assert result.exit_code == 3
    assert "byte 114,877" in result.stdout
    assert (tmp_path / "c_len_2.dlt" / "quarantine.json").exists()


def test_a_folder_brings_its_specifications_along(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("alltypes.rec", "alltypes.odvd"):
        shutil.copy(data / "rec" / name, folder)
    (folder / "manifest.json").write_text("{}")
    result = run(folder, "--out", folder / "out", "--json")
    assert result.exit_code == 0
    [recording] = json.loads(result.stdout)
    assert recording["rows"] == 381
    assert {t["name"] for t in recording["tables"]} >= {"alltypes.Scalars-0", "alltypes.Empty-0"}
    # Outputs inside the folder are not taken for recordings.
    assert len(json.loads(run(folder, "--out", folder / "out", "--json").stdout)) == 1


def test_a_folder_brings_its_catalogues_along_and_no_other_xml(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    shutil.copytree(data / "fibex", folder)
    shutil.copy(data / "dlt" / "golden.dlt", folder)
    (folder / "picture.xml").write_text("<svg/>")
    (folder / "broken.XML").write_text("no XML")
    inputs = find_inputs([folder, folder / "brake.xml"], leave_out=tmp_path / "out")
    assert [path.name for path in inputs.recordings] == ["golden.dlt"]
    assert [path.name for path in inputs.catalogues] == ["brake.xml", "door.fibex"]
    assert inputs.specifications == ()


def test_a_catalogue_that_was_named_and_is_none_is_an_error(data: Path, tmp_path: Path) -> None:
    (tmp_path / "ecu.arxml").write_text("<AUTOSAR/>")
    golden = data / "dlt" / "golden.dlt"
    with pytest.raises(BadInput, match=r"ecu\.arxml: is an AUTOSAR description \(ARXML\)"):
        run(golden, "--out", tmp_path, "--fibex", tmp_path / "ecu.arxml")
    with pytest.raises(BadInput, match=r"found no recording .*not \.odvd, \.fibex or \.xml"):
        run(data / "fibex" / "brake.xml", "--out", tmp_path)


def test_two_recordings_of_one_name_do_not_overwrite_each_other(data: Path, tmp_path: Path) -> None:
    for name in ("golden", "c_clean"):
        (tmp_path / name).mkdir()
        shutil.copy(data / "dlt" / f"{name}.dlt", tmp_path / name / "ecu.dlt")
    result = run(tmp_path / "golden", tmp_path / "c_clean", "--out", tmp_path / "out", "--json")
    rows = {Path(r["folder"]).name: r["rows"] for r in json.loads(result.stdout)}
    assert rows == {"ecu.dlt": 11, "ecu.dlt-2": 2000}


def test_the_csv_can_be_written_in_another_style(data: Path, tmp_path: Path) -> None:
    result = run(
        data / "dlt" / "golden.dlt", "-o", tmp_path, "--format", "csv", "--delimiter", ";",
        "--line-end", "lf",
    )  # fmt: skip
    assert result.exit_code == 0
    content = (tmp_path / "golden.dlt" / "messages.csv").read_bytes()
    assert b"\r" not in content
    assert b"offset;size;" in content
    assert not (tmp_path / "golden.dlt" / "messages.parquet").exists()
    with (tmp_path / "golden.dlt" / "messages.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file, delimiter=";"))) == 11


def test_parsing_again_leaves_no_table_of_before(data: Path, tmp_path: Path) -> None:
    recording = data / "rec" / "alltypes.rec"
    assert run(recording, "--out", tmp_path).exit_code == 3
    (tmp_path / "alltypes.rec" / "notes.txt").write_text("mine")
    run(recording, "--out", tmp_path, "--odvd", data / "rec" / "alltypes.odvd")
    names = {p.name for p in (tmp_path / "alltypes.rec").iterdir()}
    assert not any(name.startswith("unknown-") for name in names)
    assert "notes.txt" in names
    assert "quarantine.json" not in names


@pytest.mark.parametrize(
    "wrong", [["--format", "xlsx"], ["--delimiter", ";;"], ["--line-end", "cr"], ["--jobs", "-1"]]
)
def test_a_wrong_option_ends_with_status_2(data: Path, tmp_path: Path, wrong: list[str]) -> None:
    assert run(data / "dlt" / "golden.dlt", "--out", tmp_path, *wrong).exit_code == 2


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nowhere\.dlt: there is no such file"):
        run(tmp_path / "nowhere.dlt", "--out", tmp_path)
    with pytest.raises(BadInput, match="found no recording"):
        run(tmp_path, "--out", tmp_path / "out")


def test_names_that_collide_get_numbers_that_are_free() -> None:
    paths = [Path("a/x"), Path("b/x"), Path("c/x-2"), Path("d/x")]
    assert output_names(paths) == ["x", "x-3", "x-2", "x-4"]


def test_a_file_named_twice_is_parsed_once(data: Path, tmp_path: Path) -> None:
    golden = data / "dlt" / "golden.dlt"
    assert find_inputs([golden, golden], leave_out=tmp_path).recordings == (golden,)


def test_strict_parsing_ends_with_the_first_fault(data: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"c_len_2\.dlt, byte 114877: .* --strict"):
        run(data / "dlt" / "c_len_2.dlt", "--out", tmp_path, "--strict")


def test_standard_input_is_a_recording_called_stdin(data: Path, tmp_path: Path) -> None:
    golden = data / "dlt" / "golden.dlt"
    done = subprocess.run(
        [*ARGUS, "parse", "-", str(golden), "--out", str(tmp_path), "--json"],
        input=gzip.compress(golden.read_bytes()),
        capture_output=True,
        check=True,
    )
    first, second = json.loads(done.stdout)
    assert (first["recording"], first["compression"], first["rows"]) == ("stdin", "gzip", 11)
    assert second["recording"] == str(golden)
    for name in ("messages.csv", "lifecycles.parquet"):
        one, other = tmp_path / "stdin" / name, tmp_path / "golden.dlt" / name
        assert one.read_bytes() == other.read_bytes()
    # What was spooled is gone.
    assert len(list((tmp_path / "stdin").iterdir())) == len(
        list((tmp_path / "golden.dlt").iterdir())
    )


def test_a_pipe_is_a_recording(data: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = (data / "dlt" / "golden.dlt").read_bytes()
    writer = threading.Thread(target=pipe.write_bytes, args=[content])
    writer.start()
    result = run(pipe, "--out", tmp_path / "out", "--json")
    writer.join()
    assert result.exit_code == 0
    assert json.loads(result.stdout)[0]["rows"] == 11


@pytest.mark.parametrize("command", [["parse", "--out", "out"], ["inspect"]])
def test_ctrl_c_ends_waiting_for_a_pipe_at_once(tmp_path: Path, command: list[str]) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    waiting = subprocess.Popen(
        [*ARGUS, command[0], str(pipe), *command[1:]],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        # A shell that runs the tests in the background has it ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    # Once the pipe is open, all is imported and the command waits for bytes that never come.
    with pipe.open("wb"):
        waiting.send_signal(signal.SIGINT)
        waiting.communicate(timeout=20)
    assert waiting.returncode == 130
