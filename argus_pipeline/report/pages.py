"""The pages that people open: the report of a batch, or the page of a campaign, by its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from argus_pipeline.batches.names import safe_name
from argus_pipeline.errors import BadInput
from argus_pipeline.report.reading import nearest, reported_batches
from argus_pipeline.storage import keys
from argus_pipeline.storage.object_store import ObjectMissing

if TYPE_CHECKING:
    from argus_pipeline.storage.object_store import ObjectStore


@dataclass(frozen=True, slots=True)
class Page:
    """A page in HTML; `name` is the batch or the campaign."""

    name: str
    content: bytes


def read_page(store: ObjectStore, name: str | None = None) -> Page:
    """The page of a batch or a campaign; without a name, the newest report.

    Raises:
        BadInput: there is none of this name (the message names the nearest), or none at all.
    """
    if name is None:
        newest = next(iter(reported_batches(store)), None)
        if newest is None:
            raise BadInput("there are no reports yet", hint="`argus status` shows the batches")
        return Page(newest, store.get(keys.report(newest, "html")))
    safe_name(name, "the name")
    for key in (keys.report(name, "html"), keys.campaign_page(name)):
        try:
            return Page(name, store.get(key))
        except ObjectMissing:
            continue
    near = nearest(name, [*campaigns(store), *reported_batches(store)])
    hint = "Did you mean " + " or ".join(near) + "?" if near else None
    raise BadInput(
        "there is neither a report of such a batch nor a page of such a campaign",
        where=name,
        hint=hint or "`argus report` lists the reports, `argus status` says how far a batch is",
    )


def campaigns(store: ObjectStore) -> list[str]:
    """The campaigns that have a page, by name."""
    folders = store.list_folders(keys.CAMPAIGNS)
    return sorted(folder.removeprefix(keys.CAMPAIGNS).strip("/") for folder in folders)
