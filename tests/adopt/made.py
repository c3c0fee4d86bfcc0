"""An archive: a bucket of its own beside Argus's, in the same store."""

from __future__ import annotations

import uuid
from dataclasses import replace

from argus_pipeline.settings import Settings
from argus_pipeline.storage.archives import Address
from argus_pipeline.storage.object_store import ObjectStore

ARCHIVE = "argus-archive"
DRIVE = "LFV3A23C0K3000001/v2.3.1/20261123T101500Z"


class Archive:
    """A folder of another bucket, in which somebody else's uploads lie."""

    def __init__(self, store: ObjectStore) -> None:
        self.store = store
        self.folder = Address(store.bucket, f"logs-{uuid.uuid4().hex[:12]}/")

    def put(self, key: str, data: bytes = b"x") -> str:
        """Put an object; its address."""
        self.store.put(self.folder.key + key, data)
        return f"{self.folder}{key}"

    def content(self) -> dict[str, tuple[str, object]]:
        """ETag and time of every object."""
        return {i.key: (i.etag, i.modified) for i in self.store.list(self.folder.key)}


def an_archive(settings: Settings) -> Archive:
    """An empty one, in the store of these settings."""
    store = ObjectStore(replace(settings, s3_bucket=ARCHIVE, s3_prefix=""))
    store.ensure_bucket()
    return Archive(store)
