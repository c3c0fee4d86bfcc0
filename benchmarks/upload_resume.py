"""An upload that is killed at random points sends again at most one part beyond what was missing.

    python benchmarks/upload_resume.py [--megabytes 300] [--kills 10] [--seed N] [--json]

`argus upload` sends one file to a real store through a proxy that counts bytes. When a random share
of them has gone through, its process is killed with SIGKILL. What the store then has is asked of
the store itself; what the repeat with the same batch id sends is counted by the proxy, not by us.
The peer is boto3's `upload_file` for the same file, killed at the same points and called again: it
keeps nothing. Every upload ends with a comparison of the SHA-256. Exits non-zero when a bound is
missed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from measuring.contest import say
from measuring.table import Section, machine

from argus_pipeline.settings import Settings
from argus_pipeline.stack.minio import Minio, find_minio
from argus_pipeline.stack.seaweedfs import SeaweedFS
from argus_pipeline.storage.object_store import ObjectStore
from argus_pipeline.upload.files import fingerprint
from argus_pipeline.upload.plan import PART_BYTES, time_in_id

VEHICLE: Final = "LFV3A23C0K3000001"
# Requests have headers, and the manifest goes, too.
OVERHEAD: Final = 2_000_000
COLUMNS: Final = (
    "store, kill",
    "killed at MB",
    "missing MB",
    "sent again MB",
    "beyond MB",
    "boto3 MB",
)
_PEER: Final = """
import sys, boto3
from boto3.s3.transfer import TransferConfig
endpoint, access, secret, bucket, key, path = sys.argv[1:]
client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1",
                      aws_access_key_id=access, aws_secret_access_key=secret)
part = 16 * 1024 * 1024
config = TransferConfig(multipart_threshold=part, multipart_chunksize=part, max_concurrency=4)
client.upload_file(path, bucket, key, Config=config)
"""


class Proxy:
    """Passes bytes on to a port of this machine and counts those of the client."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._lock = threading.Lock()
        self.sent = 0
        self._at = 0
        self._then: Callable[[], None] | None = None
        threading.Thread(target=self._accept, daemon=True).start()

    def begin(self, at: int = 0, then: Callable[[], None] | None = None) -> None:
        """Count from nothing; call `then` once when so many bytes went through."""
        with self._lock:
            self.sent, self._at, self._then = 0, at, then

    def _accept(self) -> None:
        while True:
            client, _ = self._server.accept()
            store = socket.create_connection(self._target)
            for source, target, counted in ((client, store, True), (store, client, False)):
                threading.Thread(
                    target=self._pass, args=(source, target, counted), daemon=True
                ).start()

    def _pass(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
                if counted:
                    self._count(len(data))
        except OSError:
            pass
        for one in (source, target):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def _count(self, amount: int) -> None:
        with self._lock:
            self.sent += amount
            then = self._then if self.sent >= self._at else None
            if then is not None:
                self._then = None
        if then is not None:
            then()


@dataclass(frozen=True, slots=True)
class Killed:
    """One kill: bytes sent before it, missing after it, sent by the repeat, and by the peer's."""

    at: int
    missing: int
    again: int
    peer: int

    @property
    def beyond(self) -> int:
        """What the repeat sent beyond what was missing."""
        return self.again - self.missing


def killed_and_repeated(
    proxy: Proxy,
    command: list[str],
    environment: dict[str, str],
    at: int,
    between: Callable[[], int],
) -> tuple[int, int, int]:
    """Bytes before the kill, what `between` says then, and bytes of the repeat."""
    started = threading.Event()

    def kill() -> None:
        started.wait()
        process.send_signal(signal.SIGKILL)

    proxy.begin(at, kill)
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    started.set()
    if process.wait() != -signal.SIGKILL:
        sys.exit(f"it was not killed, but ended with {process.returncode}")
    before, missing = proxy.sent, between()
    proxy.begin()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return before, missing, proxy.sent


def stored(store: ObjectStore, key: str) -> int:
    """Bytes of the parts that the store has of an unfinished upload of a key."""
    place = {"Bucket": store.bucket, "Key": store.object_key(key)}
    found = store.client.list_multipart_uploads(Bucket=store.bucket, Prefix=place["Key"])
    sizes = [0]
    for upload in found.get("Uploads", ()):
        pages = store.client.get_paginator("list_parts").paginate(
            **place, UploadId=upload["UploadId"]
        )
        sizes.append(sum(part["Size"] for page in pages for part in page.get("Parts", ())))
    return max(sizes)


def at_rest(look: Callable[[], int]) -> int:
    """What a look says once it says the same for a second: a store may still finish parts."""
    before, now = -1, look()
    while now != before:
        time.sleep(1)
        before, now = now, look()
    return now


def one_kill(settings: Settings, proxy: Proxy, file: Path, at: int) -> Killed:
    """Kill ours and the peer at the same point, repeat both, and compare what arrived."""
    store = ObjectStore(settings)
    batch = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{VEHICLE}-{secrets.token_hex(2)}"
    day = time_in_id(batch)
    assert day is not None
    key = f"incoming/{day:%Y/%m/%d}/{batch}/{file.name}"
    through = replace(settings, s3_endpoint=f"http://127.0.0.1:{proxy.port}")
    environment = {
        **os.environ,
        "ARGUS_HOME": str(file.parent / "home"),
        "ARGUS_S3_ENDPOINT": str(through.s3_endpoint),
        "ARGUS_S3_BUCKET": settings.s3_bucket,
        "ARGUS_S3_ACCESS_KEY": str(settings.s3_access_key),
        "ARGUS_S3_SECRET_KEY": str(settings.s3_secret_key),
        "no_proxy": "127.0.0.1",
    }
    size = file.stat().st_size
    ours = [sys.executable, "-m", "argus_pipeline.cli.main", "upload", str(file), "--batch", batch]
    ours += ["--vehicle", VEHICLE, "--platform", "J7", "--firmware", "v2.3.1"]
    before, missing, again = killed_and_repeated(
        proxy, ours, environment, at, lambda: size - at_rest(lambda: stored(store, key))
    )
    if store.sha256(key) != fingerprint(file).sha256:
        sys.exit(f"{key}: what arrived is not what was sent")
    peer_key = f"peer/{batch}"
    peer = [
        sys.executable,
        "-c",
        _PEER,
        str(through.s3_endpoint),
        str(settings.s3_access_key),
        str(settings.s3_secret_key),
        settings.s3_bucket,
        peer_key,
        str(file),
    ]
    _, _, of_peer = killed_and_repeated(proxy, peer, environment, at, lambda: 0)
    for done in (key, peer_key):
        store.delete(done)
    return Killed(before, missing, again, of_peer)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=300)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    seed = wanted.seed if wanted.seed is not None else secrets.randbelow(10**6)
    chance = random.Random(seed)
    section = Section(
        "resume", f"a file of {wanted.megabytes} MB in parts of {PART_BYTES / 1e6:.1f} MB", COLUMNS
    )
    with tempfile.TemporaryDirectory(prefix="argus-resume-", dir="/tmp") as folder:
        file = Path(folder) / "large.dlt"
        with file.open("wb") as stream:
            for _ in range(wanted.megabytes):
                stream.write(chance.randbytes(1_000_000))
        servers = [SeaweedFS(Path(folder) / "seaweedfs")]
        if find_minio():
            servers.append(Minio(Path(folder) / "minio"))
        for server in servers:
            say(f"{server.name} …")
            try:
                server.start()
                settings = server.settings("resume")
                ObjectStore(settings).ensure_bucket()
                proxy = Proxy(int(str(settings.s3_endpoint).rpartition(":")[2]))
                for number in range(wanted.kills):
                    share = chance.uniform(0.02, 0.98)
                    done = one_kill(settings, proxy, file, int(share * file.stat().st_size))
                    add(section, f"{server.name} {number + 1}", done)
            finally:
                server.stop()
    section.notes.append(f"--seed {seed} repeats it; MB are 1,000,000 bytes, counted by a proxy")
    if wanted.json:
        print(json.dumps({"machine": machine(), **section.to_dict()}, indent=1))
    else:
        print(section.text())
    if section.wrong:
        sys.exit(1)


def add(section: Section, name: str, done: Killed) -> None:
    """A line, and what is wrong with it."""
    cells = (done.at, done.missing, done.again, done.beyond, done.peer)
    section.rows.append((name, *(f"{cell / 1e6:.1f}" for cell in cells)))
    section.figures.append({"name": name, "beyond": done.beyond, "peer": done.peer})
    if done.beyond > PART_BYTES + OVERHEAD:
        section.wrong.append(f"{name}: sent {done.beyond / 1e6:.1f} MB beyond what was missing")


if __name__ == "__main__":
    main()
