"""Which batches of an archive have a manifest already, in bulk."""

from __future__ import annotations

from datetime import date

from argus_pipeline.adopt.groups import Groups, KnownBatch
from argus_pipeline.adopt.survey import Sample
from argus_pipeline.batches.arrivals import Folder, folders_before
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectStore


def note_known(store: ObjectStore, groups: Groups) -> Sample:
    """Find the batches that were adopted before, on whatever day, and their manifests' ETags.

    One listing of the folders of each day, a page for a thousand of them, and of the days that
    have some of these batches one of the manifests; never a request for a batch.

    Returns:
        Adopted batches under other ids that have the vehicle and the time of one of these.
    """
    days: set[date] = set()
    alike = Sample()
    for folder in folders_before(store, date.max):
        if groups.has(folder.name):
            days.add(folder.day)
        elif groups.has_alike(folder.name):
            alike.add(folder.name)
    for day in sorted(days):
        for found in store.list(keys.incoming_day(day)):
            name, _, file = found.key.removeprefix(keys.incoming_day(day)).partition("/")
            if file == keys.MANIFEST_NAME and groups.has(name):
                groups.is_known(KnownBatch(Folder(day, name), found.etag))
    return alike
