"""`argus upload --watch`: folders become batches when they are complete, each once."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from argus_pipeline.errors import BadInput
from argus_pipeline.upload import client
from argus_pipeline.upload.options import BatchOptions
from argus_pipeline.upload.watch import RECORD, Looked, Watch, is_complete, look

OPTIONS = BatchOptions("bench-7-vehicle", "J7", "v2.3.1")


def folder(root: Path, name: str, **files: bytes) -> Path:
    made = root / name
    made.mkdir(parents=True)
    for file, data in files.items():
        (made / f"{file}.dlt").write_bytes(data)
    return made


def done(watch: Watch) -> list[str]:
    return [one.folder.name for one in watch.turn() if one.uploaded]


def bad(watch: Watch) -> dict[str, str]:
    return {one.folder.name: str(one.error) for one in watch.turn() if one.error}


@pytest.mark.parametrize(
    ("looked", "complete"),
    [
        (Looked(Path(), False, False, (("a", 1, 1),), 100.0), True),
        (Looked(Path(), False, False, (("a", 1, 1),), 100.1), False),
        (Looked(Path(), False, True, (("a", 1, 1),), 129.0), True),
        (Looked(Path(), True, True, (("a", 1, 1),), 0.0), False),
        (Looked(Path(), False, True, (), 0.0), False),
    ],
)
def test_a_folder_is_complete_when_it_says_so_or_when_nothing_changes(looked, complete) -> None:
    assert is_complete(looked, 130.0, 30.0) is complete


def test_a_time_of_modification_that_was_set_back_makes_no_folder_complete(tmp_path) -> None:
    made = folder(tmp_path, "b1", a=b"1")
    os.utime(made / "a.dlt", (0, 0))
    found = look(made)
    assert not is_complete(found, found.changed + 29, 30.0)


def test_each_folder_is_uploaded_once_and_one_that_is_being_written_waits(
    object_store, tmp_path
) -> None:
    one = folder(tmp_path, "one", a=b"1")
    (one / ".complete").touch()
    folder(tmp_path, "two", a=b"2")
    watch = Watch(object_store, tmp_path, OPTIONS, settled_s=3600)
    assert done(watch) == ["one"]
    assert done(watch) == []
    (tmp_path / "two" / ".complete").touch()
    assert done(watch) == ["two"]
    assert done(Watch(object_store, tmp_path, OPTIONS, settled_s=0)) == [], "nor by another watch"
    manifests = [o.key for o in object_store.list("incoming/") if o.key.endswith("manifest.json")]
    assert len(manifests) == 2


def test_a_bad_folder_is_said_once_and_holds_up_no_other(object_store, tmp_path) -> None:
    folder(tmp_path, "a-bad", a=b"1")
    (tmp_path / "a-bad" / "batch.json").write_text("{")
    folder(tmp_path, "b-nested", a=b"1")
    (tmp_path / "b-nested" / "inside").mkdir()
    folder(tmp_path, "c-good", a=b"1")
    watch = Watch(object_store, tmp_path, OPTIONS, settled_s=0)
    outcomes = list(watch.turn())
    assert [one.folder.name for one in outcomes if one.error] == ["a-bad", "b-nested"]
    assert [one.folder.name for one in outcomes if one.uploaded] == ["c-good"]
    assert list(watch.turn()) == []
    (tmp_path / "a-bad" / "batch.json").write_text("{}")
    assert done(watch) == ["a-bad"], "mended, it goes"


def test_what_was_begun_goes_on_under_the_same_id(object_store, tmp_path, monkeypatch) -> None:
    made = folder(tmp_path, "one", a=b"1")
    with monkeypatch.context() as patched:
        patched.setattr(client, "upload", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            list(Watch(object_store, tmp_path, OPTIONS, settled_s=0).turn())
    begun = json.loads((made / RECORD).read_text())
    assert begun["done"] is False
    [outcome] = Watch(object_store, tmp_path, OPTIONS, settled_s=0).turn()
    assert outcome.uploaded is not None
    assert outcome.uploaded.batch == begun["batch"]


def test_a_folder_without_a_vehicle_is_named(object_store, tmp_path) -> None:
    folder(tmp_path, "one", a=b"1")
    watch = Watch(object_store, tmp_path, BatchOptions(), settled_s=0)
    assert "--vehicle is missing" in bad(watch)["one"]


def test_the_watched_folder_itself_has_to_be_there(object_store, tmp_path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        list(Watch(object_store, tmp_path / "none", OPTIONS).turn())
