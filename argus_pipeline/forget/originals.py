"""What of a vehicle lies in an archive, from which `argus adopt` took it in place.

That is its owner's. It is counted and named, and never changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from argus_pipeline.batches.arrivals import Folder, read_candidates
from argus_pipeline.forget.pseudonym import Pseudonym
from argus_pipeline.storage.archives import read_address
from argus_pipeline.storage.object_store import ObjectStore

_SHOWN: Final = 5


def originals_of(store: ObjectStore, folders: Sequence[Folder]) -> dict[str, int]:
    """By folder of an archive, how many objects there the manifests of these batches name."""
    found: Counter[str] = Counter()
    for one in read_candidates(store, folders):
        for file in one.manifest.files if one.manifest else ():
            if file.source is not None:
                found[f"{file.source.rpartition('/')[0]}/"] += 1
    return dict(sorted(found.items()))


def without_original(file: Mapping[str, Any], pseudonym: Pseudonym) -> dict[str, Any]:
    """A manifest's entry of an adopted file from which nothing leads to its object any more.

    The key may name the vehicle, and ETag and SHA-256 tell the object by themselves. The address
    that stands there instead holds nothing, so a run of the batch ends with "is missing".
    """
    address = read_address(file["source"])
    bucket = "archive" if address is None else address.bucket
    kept = {k: v for k, v in file.items() if k not in {"sha256", "source", "etag"}}
    source = f"s3://{bucket}/{pseudonym.name}/{file['name']}"
    return {**kept, "source": source, "etag": "forgotten"}


def in_words(originals: Mapping[str, int]) -> str:
    """Where they lie, and who can do something about it."""
    places = [f"{folder} ({count:,})" for folder, count in list(originals.items())[:_SHOWN]]
    if len(originals) > _SHOWN:
        places.append(f"and {len(originals) - _SHOWN:,} more folders")
    return f"the archive's owner has to delete them there: {', '.join(places)}"
