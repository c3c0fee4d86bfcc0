"""`argus upload` as a person types it, in a process of its own, against a real store."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from argus_pipeline.batches.manifest import parse_manifest
from argus_pipeline.settings import Settings
from argus_pipeline.storage.object_store import ObjectStore
from argus_pipeline.upload.plan import PART_BYTES, time_in_id

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = ["--vehicle", "LFV3A23C0K3000001", "--platform", "J7", "--firmware", "v2.3.1"]
# The command by itself, so that these tests need neither the parser nor the rest of `argus`.
PROGRAM = """
import sys
import typer
from argus_pipeline.cli.upload import upload
from argus_pipeline.errors import ArgusError
app = typer.Typer()
app.command()(upload)
try:
    app()
except ArgusError as error:
    sys.exit(f"argus: {error}")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / "a.dlt").write_bytes(b"a" * 1000)
    (folder / "b.rec").write_bytes(b"b" * 2000)
    (folder / "vehicle.odvd").write_text("message a.B [id = 1] {}\n")
    return folder


def environment(settings: Settings, home: Path) -> dict[str, str]:
    return {
        **os.environ,
        "ARGUS_HOME": str(home),
        "ARGUS_S3_BUCKET": settings.s3_bucket,
        "ARGUS_S3_PREFIX": settings.s3_prefix,
        "ARGUS_S3_ENDPOINT": str(settings.s3_endpoint),
        "ARGUS_S3_ACCESS_KEY": str(settings.s3_access_key),
        "ARGUS_S3_SECRET_KEY": str(settings.s3_secret_key),
    }


def start(arguments: list[str], variables: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=ROOT,
        env=dict(variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(
    arguments: list[str | Path], settings: Settings, home: Path
) -> subprocess.CompletedProcess[str]:
    process = start([str(a) for a in arguments], environment(settings, home))
    out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)


def test_it_prints_the_batch_id_alone_on_stdout_and_the_key_on_stderr(
    object_store: ObjectStore, store_settings: Settings, folder: Path, tmp_path: Path
) -> None:
    done = run([folder, *OPTIONS, "--tag", "bench=7"], store_settings, tmp_path)
    assert done.returncode == 0, done.stderr
    batch = done.stdout.strip()
    created = time_in_id(batch)
    assert created is not None
    key = f"incoming/{created:%Y/%m/%d}/{batch}/manifest.json"
    assert object_store.uri(key) in done.stderr
    manifest = parse_manifest(object_store.get(key), key=key, batch=batch)
    assert [f.name for f in manifest.files] == ["a.dlt", "b.rec", "vehicle.odvd"]
    assert manifest.tags == {"bench": "7"}


def test_a_folder_with_a_batch_file_needs_no_options_and_does_not_upload_it(
    object_store: ObjectStore, store_settings: Settings, folder: Path, tmp_path: Path
) -> None:
    (folder / "batch.json").write_text(
        '{"vehicle": "V1", "platform": "K5", "firmware": "v2", "priority": "P0"}'
    )
    done = run([folder, "--firmware", "v3", "--json"], store_settings, tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    key = told["manifest"].removeprefix(object_store.uri(""))
    manifest = parse_manifest(object_store.get(key), key=key)
    assert (manifest.vehicle, manifest.firmware, manifest.priority) == ("V1", "v3", "P0")
    assert sorted(told["sent"]) == ["a.dlt", "b.rec", "vehicle.odvd"]
    assert "batch.json (the options of the upload)" in done.stderr


def test_the_same_batch_again_says_already_there_and_exits_with_0(
    store_settings: Settings, folder: Path, tmp_path: Path
) -> None:
    first = run([folder, *OPTIONS, "--batch", "bench-1"], store_settings, tmp_path)
    again = run([folder, *OPTIONS, "--batch", "bench-1"], store_settings, tmp_path)
    assert (first.returncode, again.returncode) == (0, 0), again.stderr
    assert "already there" in again.stderr
    assert again.stdout == "bench-1\n"


def test_an_upload_killed_between_files_goes_on_after_it(
    object_store: ObjectStore, store_settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for index in range(40):
        (folder / f"{index:02}.dlt").write_bytes(os.urandom(1_000_000))
    (folder / "large.dlt").write_bytes(os.urandom(PART_BYTES + 1))
    batch = "20991231T000000Z-bench-1"
    prefix = f"incoming/2099/12/31/{batch}/"
    arguments = [str(folder), *OPTIONS, "--batch", batch, "--json"]

    process = start(arguments, environment(store_settings, tmp_path))
    deadline = time.monotonic() + 60
    while not list(object_store.list(prefix)) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = {info.key.removeprefix(prefix): info.modified for info in object_store.list(prefix)}
    assert before
    assert "manifest.json" not in before, "it was killed too late to show anything"

    done = run([*arguments], store_settings, tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    # A request that was under way at the kill may have arrived since.
    assert set(before) <= set(told["kept"])
    assert len(told["kept"]) + len(told["sent"]) == 41
    after = {info.key.removeprefix(prefix): info.modified for info in object_store.list(prefix)}
    assert {name: after[name] for name in before} == before
    assert len(after) == 42


def test_a_dry_run_says_what_it_would_send_and_needs_no_store(
    store_settings: Settings, folder: Path, tmp_path: Path
) -> None:
    nowhere = replace(store_settings, s3_endpoint="http://127.0.0.1:9")
    done = run([folder, *OPTIONS, "--dry-run", "--json"], nowhere, tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [f["name"] for f in told["manifest"]["files"]] == ["a.dlt", "b.rec", "vehicle.odvd"]
    assert told["key"].endswith(f"{told['manifest']['batch']}/manifest.json")


def test_missing_options_are_a_wrong_call(
    store_settings: Settings, folder: Path, tmp_path: Path
) -> None:
    done = run([folder, "--platform", "J7"], store_settings, tmp_path)
    assert done.returncode == 2
    assert "--vehicle" in done.stderr
    assert "--firmware" in done.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"s3_endpoint": "http://127.0.0.1:9"}, "does not answer"),
        ({"s3_secret_key": "wrong-secret"}, "refused"),
        ({"s3_endpoint": "127.0.0.1:9"}, "ARGUS_S3_ENDPOINT"),
    ],
)
def test_a_store_that_cannot_be_used_is_one_clear_line_and_exit_status_1(
    store_settings: Settings,
    folder: Path,
    tmp_path: Path,
    change: dict[str, str],
    message: str,
) -> None:
    done = run([folder, *OPTIONS], replace(store_settings, **change), tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert "wrong-secret" not in done.stderr
    assert str(store_settings.s3_secret_key) not in done.stderr


def test_an_unreachable_store_says_how_to_go_on(
    store_settings: Settings, folder: Path, tmp_path: Path
) -> None:
    nowhere = replace(store_settings, s3_endpoint="http://127.0.0.1:9")
    done = run([folder, *OPTIONS, "--batch", "bench-9"], nowhere, tmp_path)
    assert "--batch bench-9" in done.stderr


def test_a_file_that_does_not_exist_is_one_clear_line(
    store_settings: Settings, tmp_path: Path
) -> None:
    done = run([tmp_path / "nowhere", *OPTIONS], store_settings, tmp_path)
    assert done.returncode == 1
    assert "does not exist" in done.stderr
    assert "Traceback" not in done.stderr
