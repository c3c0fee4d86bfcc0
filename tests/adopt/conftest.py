"""Argus's own bucket and an archive beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from adopt.made import ARCHIVE, Archive, an_archive

from argus_pipeline.settings import Settings
from argus_pipeline.storage.object_store import ObjectStore


@pytest.fixture
def archive(store_settings: Settings) -> Archive:
    """An empty one."""
    return an_archive(store_settings)


@pytest.fixture
def store(store_settings: Settings) -> ObjectStore:
    """Argus's own bucket; it may read the archive."""
    return ObjectStore(replace(store_settings, archive_buckets=(ARCHIVE,)))


@pytest.fixture
def requests(store: ObjectStore) -> Callable[[], list[tuple[str, str]]]:
    """What a store was asked for since: the operations, and of which bucket."""
    seen: list[tuple[str, str]] = []

    def note(model: Any, params: dict[str, Any], **_: object) -> None:
        seen.append((model.name, urlsplit(params["url"]).path.split("/")[1]))

    store.client.meta.events.register("before-call.s3", note)

    def since() -> list[tuple[str, str]]:
        found, seen[:] = list(seen), []
        return found

    return since
