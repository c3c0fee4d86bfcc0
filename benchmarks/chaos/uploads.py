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
from benchmarks.chaos.outputs import differences, read_outputs
from benchmarks.chaos.turn import Fault, Turn

# Such batches are given up at once: only a person can know that what was missing is there now.
NOT_WHAT_IT_SAYS: Final = ("is missing", "sha256", "size", "It was changed after the upload")
_GIVEN_UP_S: Final = 300.0
CRASH: Final = "crash.bin"
# At this rate four parts at a time take three seconds, and the large batch six.
UPLOAD_RATE: Final = "20MB/s"
UPLOAD_SECONDS: Final = 6.0


def _put(ground: Ground, batch: client.Batch, name: str) -> None:
    path = next(file.path for file in batch.files if file.name == name)
    ground.store.put(batch.prefix + name, path.read_bytes())


def _put_manifest(ground: Ground, batch: client.Batch, **more: Any) -> None:
    content: Mapping[str, Any] = json.loads(batch.manifest.to_json())
    data = json.dumps({**content, **more}).encode() if more else batch.manifest.to_json()
    ground.store.put(batch.manifest_key, data)


# --- the manifest first, then the recordings in any order, and a person who asks again ------------


def _late(turn: Turn) -> None:
    ground, batch = turn.ground, turn.fleet.prepare(turn.number, turn.strike)
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
    # Asked for only where it is wanted: else the batch would come through twice.
    if gave_up:
        ground.argus("retry", batch.id)
    turn.told.append(f"{len(names) - early} of {len(names)} recordings came after the manifest")


# --- everything twice, while the batch runs -----------------------------------------------------


def _twice(turn: Turn) -> None:
    ground = turn.ground
    prepared = [turn.fleet.prepare(turn.number, index) for index in range(turn.fleet.count)]
    for _ in range(len(prepared)):
        turn.some_time(0, 1.5)
        batch = turn.dice.choice(prepared)
        if ground.store.head(batch.manifest_key) is None:
            continue
        _put(ground, batch, turn.dice.choice(batch.files).name)
        _put_manifest(ground, batch)
    turn.told.append(f"{len(prepared)} repeats")


# --- a recording is overwritten, a manifest is mended, while the batch runs -----------------------


def _changed(turn: Turn) -> None:
    ground = turn.ground
    spoilt = turn.fleet.prepare(turn.number, 2 * turn.strike)
    mended = turn.fleet.prepare(turn.number, 2 * turn.strike + 1)
    eventually(lambda: ground.store.head(spoilt.manifest_key), 60)
    eventually(lambda: ground.store.head(mended.manifest_key), 60)
    turn.some_time(0, 20)
    ground.store.put(spoilt.prefix + turn.dice.choice(spoilt.files).name, b"other bytes\n" * 99)
    turn.some_time(0, 5)
    _put_manifest(ground, mended, note="mended")


def _restore(turn: Turn) -> None:
    """What a person does who reads the reason: upload the recording again, and ask again."""
    for strike in range(turn.strikes):
        _restore_one(turn, turn.fleet.prepare(turn.number, 2 * strike))


def _restore_one(turn: Turn, batch: client.Batch) -> None:
    ground = turn.ground
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
    ground = turn.ground
    command = _upload_command(turn)
    process = subprocess.Popen(
        [*command, "--limit", UPLOAD_RATE],
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
    eventually(lambda: _uploads_open(ground) or process.poll() is not None, 60)
    turn.some_time(0, UPLOAD_SECONDS)
    process.send_signal(signal.SIGKILL)
    process.wait()
    if turn.strike + 1 < turn.strikes:
        return
    stored = _parts_stored(ground)
    again = subprocess.run(
        command, env=ground.environment, capture_output=True, text=True, timeout=300
    )
    if again.returncode:
        raise RuntimeError(f"the upload does not go on: {again.stderr}")
    sent = json.loads(again.stdout)["sent_bytes"]
    paths = turn.fleet.cases[turn.fleet.large].paths
    total = sum(path.stat().st_size for path in paths[0].iterdir())
    turn.told.append(
        f"killed {turn.strikes} times: {stored / 1e6:.0f} MB in parts were there, "
        f"{sent / 1e6:.0f} MB sent at last"
    )
    if sent > total - stored + PART_BYTES:
        turn.wrong.append("more than one part was sent twice")


def _upload_command(turn: Turn) -> list[str]:
    case = turn.fleet.cases[turn.fleet.large]
    named = turn.fleet.named(turn.number, turn.fleet.large)
    return turn.ground.command(
        *("upload", *map(str, case.paths), "--batch", named.batch),
        *("--vehicle", str(case.options.vehicle), "--platform", named.platform),
        *("--firmware", str(case.options.firmware), "--json"),
    )


def _uploads_open(ground: Ground) -> Sequence[Mapping[str, Any]]:
    store = ground.store
    found = store.client.list_multipart_uploads(Bucket=store.bucket).get("Uploads", ())
    return list(found)


def _parts_stored(ground: Ground) -> int:
    store = ground.store
    place = {"Bucket": store.bucket}
    return sum(
        part["Size"]
        for upload in _uploads_open(ground)
        for part in store.client.list_parts(
            **place, Key=upload["Key"], UploadId=upload["UploadId"]
        ).get("Parts", ())
    )


# --- a recording that takes the process down which decodes it -------------------------------------


def _crash(turn: Turn) -> None:
    with tempfile.TemporaryDirectory(prefix="argus-chaos-") as folder:
        path = Path(folder) / CRASH
        path.write_bytes(decoder.MAGIC + turn.dice.randbytes(5000))
        client.upload(turn.ground.door, turn.fleet.prepare(turn.number, turn.strike, [path]))
    time.sleep(1)


def _expect_crash(turn: Turn, index: int) -> Expected:
    if index not in _struck(turn):
        return turn.expected(index)
    named = turn.fleet.named(turn.number, index)
    reference = {
        name: digest for name, digest in turn.reference.get(index, {}).items() if "parsed/" in name
    }

    def check(ground: Ground) -> Sequence[str]:
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


def _struck(turn: Turn) -> Sequence[int]:
    """One batch for each strike."""
    return range(turn.strikes)


def _one_each(fleet: Fleet) -> int:
    return fleet.count


def _two_each(fleet: Fleet) -> int:
    return fleet.count // 2


UPLOAD_FAULTS: Final = (
    Fault(
        "uploader",
        "kill -9 of the uploader",
        _kill_uploader,
        cases=lambda fleet: [fleet.large, *range(min(2, fleet.count))],
        own=lambda turn: [turn.fleet.large],
    ),
    Fault(
        "late", "recordings after the manifest, in any order", _late, most=_one_each, own=_struck
    ),
    Fault("twice", "recordings and manifests twice", _twice),
    Fault(
        "changed",
        "recordings and manifests changed later",
        _changed,
        most=_two_each,
        after=_restore,
    ),
    Fault(
        "decoder",
        "a recording that crashes its decoder",
        _crash,
        most=_one_each,
        own=_struck,
        expect=_expect_crash,
    ),
)
