"""Faults of whoever uploads: killed, late, twice, in any order, changed, and bytes that kill."""

from __future__ import annotations

import json
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from argus_pipeline.batches import given_up
from argus_pipeline.recordings.result import RecordingResult
from argus_pipeline.storage import keys
from argus_pipeline.upload import client
from argus_pipeline.upload.plan import PART_BYTES
from benchmarks.chaos import decoder
from benchmarks.chaos.fleet import Fleet
from benchmarks.chaos.ground import Ground, eventually
from benchmarks.chaos.judge import Expected
from benchmarks.chaos.outputs import differences
from benchmarks.chaos.turn import Fault, Turn

# Such batches are given up at once: only a person can know that what was missing is there now.
NOT_WHAT_IT_SAYS: Final = ("is missing", "sha256", "size", "It was changed after the upload")
_GIVEN_UP_S: Final = 180.0
CRASH: Final = "crash.bin"


def _put(ground: Ground, batch: client.Batch, name: str) -> None:
    path = next(file.path for file in batch.files if file.name == name)
    ground.store.put(batch.prefix + name, path.read_bytes())


def _put_manifest(ground: Ground, batch: client.Batch, **more: Any) -> None:
    content: Mapping[str, Any] = json.loads(batch.manifest.to_json())
    data = json.dumps({**content, **more}).encode() if more else batch.manifest.to_json()
    ground.store.put(batch.manifest_key, data)


# --- the manifest first, then the recordings in any order, and a person who asks again ------------


def _late(turn: Turn) -> None:
    ground, batch = turn.ground, turn.fleet.prepare(turn.number, 0)
    names = [file.name for file in batch.files]
    turn.dice.shuffle(names)
    early = turn.dice.randrange(len(names))
    for name in names[:early]:
        _put(ground, batch, name)
    _put_manifest(ground, batch)
    gave_up = eventually(lambda: given_up.read_given_up(ground.store, batch.id), _GIVEN_UP_S)
    reason = gave_up.reason if gave_up else ""
    if "missing" not in reason:
        turn.wrong.append(f"not given up for what is missing, but {reason!r}")
    for name in names[early:]:
        _put(ground, batch, name)
    ground.argus("retry", batch.id)
    turn.told.append(f"{len(names) - early} of {len(names)} recordings came after the manifest")


# --- everything twice, while the batch runs -----------------------------------------------------


def _twice(turn: Turn) -> None:
    ground = turn.ground
    prepared = [turn.fleet.prepare(turn.number, index) for index in range(turn.fleet.count)]
    for _ in range(2 * len(prepared)):
        turn.some_time(0, 1.5)
        batch = turn.dice.choice(prepared)
        if ground.store.head(batch.manifest_key) is None:
            continue
        _put(ground, batch, turn.dice.choice(batch.files).name)
        _put_manifest(ground, batch)
    turn.told.append(f"{2 * len(prepared)} repeats")


# --- a recording is overwritten, a manifest is mended, while the batch runs -----------------------


def _changed(turn: Turn) -> None:
    ground = turn.ground
    spoilt, mended = turn.fleet.prepare(turn.number, 0), turn.fleet.prepare(turn.number, 1)
    eventually(lambda: ground.store.head(spoilt.manifest_key), 60)
    eventually(lambda: ground.store.head(mended.manifest_key), 60)
    turn.some_time(0, 20)
    ground.store.put(spoilt.prefix + turn.dice.choice(spoilt.files).name, b"other bytes\n" * 99)
    turn.some_time(0, 5)
    _put_manifest(ground, mended, note="mended")


def _restore(turn: Turn) -> None:
    """What a person does who reads the reason: upload the recording again, and ask again."""
    ground, batch = turn.ground, turn.fleet.prepare(turn.number, 0)
    record = given_up.read_given_up(ground.store, batch.id)
    for file in batch.files:
        _put(ground, batch, file.name)
    if record is None:
        turn.told.append("changed too late to matter")
        return
    turn.told.append(f"given up after {record.attempts} attempts: {record.reason}")
    if not any(word in record.reason for word in NOT_WHAT_IT_SAYS):
        turn.wrong.append("that is not the true reason")
    ground.argus("retry", batch.id)
    eventually(lambda: ground.store.head(keys.retry(batch.id)) is None, 60)


# --- the uploader is killed, and started again ----------------------------------------------------


def _kill_uploader(turn: Turn) -> None:
    ground, index = turn.ground, turn.fleet.large
    case, named = turn.fleet.cases[index], turn.fleet.named(turn.number, index)
    options = case.options
    command = ground.command(
        *("upload", *map(str, case.paths), "--batch", named.batch),
        *("--vehicle", str(options.vehicle), "--platform", named.platform),
        *("--firmware", str(options.firmware), "--json"),
    )
    process = subprocess.Popen(
        command,
        env=ground.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("batch "):
            break
    # What is left of its output must not block it.
    threading.Thread(target=process.stderr.read, daemon=True).start()
    turn.some_time(0, 0.7)
    process.send_signal(signal.SIGKILL)
    process.wait()
    stored = _parts_stored(ground)
    again = subprocess.run(
        command, env=ground.environment, capture_output=True, text=True, timeout=300
    )
    if again.returncode:
        raise RuntimeError(f"the upload does not go on: {again.stderr}")
    sent = json.loads(again.stdout)["sent_bytes"]
    total = sum(path.stat().st_size for path in case.paths[0].iterdir())
    turn.told.append(f"{stored / 1e6:.0f} MB in parts were there, {sent / 1e6:.0f} MB sent again")
    if sent > total - stored + PART_BYTES:
        turn.wrong.append("more than one part was sent twice")


def _parts_stored(ground: Ground) -> int:
    store = ground.store
    place = {"Bucket": store.bucket}
    uploads = store.client.list_multipart_uploads(**place).get("Uploads", ())
    return sum(
        part["Size"]
        for upload in uploads
        for part in store.client.list_parts(
            **place, Key=upload["Key"], UploadId=upload["UploadId"]
        ).get("Parts", ())
    )


# --- a recording that takes the process down which decodes it -------------------------------------


def _crash(turn: Turn) -> None:
    with tempfile.TemporaryDirectory(prefix="argus-chaos-") as folder:
        path = Path(folder) / CRASH
        path.write_bytes(decoder.MAGIC + turn.dice.randbytes(5000))
        client.upload(turn.ground.door, turn.fleet.prepare(turn.number, 0, [path]))
    time.sleep(1)


def _expect_crash(turn: Turn, index: int) -> Expected:
    if index != 0:
        return turn.expected(index)
    named = turn.fleet.named(turn.number, 0)
    reference = {
        name: digest for name, digest in turn.reference.get(0, {}).items() if "parsed/" in name
    }

    def check(ground: Ground) -> Sequence[str]:
        from benchmarks.chaos.outputs import read_outputs

        found = {
            name: digest
            for name, digest in read_outputs(ground.store, turn.engine, named).items()
            if "parsed/" in name and f"/{CRASH}/" not in name
        }
        result = RecordingResult.from_json(
            ground.store.get(keys.recording_result(named.batch, CRASH))
        )
        told = f"{result.status} {result.error}"
        wrong = [] if "quarantined" in told and "SIGSEGV" in told else [f"{CRASH}: {told}"]
        return [*differences(reference, found), *wrong]

    return Expected(named, None, check=check)


def _first(fleet: Fleet) -> Sequence[int]:
    return (0,)


UPLOAD_FAULTS: Final = (
    Fault(
        "uploader",
        "kill -9 of the uploader",
        _kill_uploader,
        cases=lambda fleet: [fleet.large, *range(min(2, fleet.count))],
        own=lambda fleet: [fleet.large],
    ),
    Fault("late", "recordings after the manifest, in any order", _late, own=_first),
    Fault("twice", "recordings and manifests twice", _twice),
    Fault("changed", "recordings and manifests changed later", _changed, after=_restore),
    Fault(
        "decoder",
        "a recording that crashes its decoder",
        _crash,
        own=_first,
        expect=_expect_crash,
    ),
)
