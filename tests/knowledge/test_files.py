from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from argus_pipeline.errors import BadInput
from argus_pipeline.knowledge.files import read_articles, starter_articles


def entry(article_id: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": article_id, "code": "C0035", "title": "t", "causes": ["c"], "source": "s",
        "language": "en", **fields,
    }  # fmt: skip


def write(path: Path, content: object) -> Path:
    # JSON is YAML too.
    path.write_text(json.dumps(content))
    return path


def test_files_and_folders_are_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    write(tmp_path / "b.yaml", [entry("b1"), entry("b2")])
    write(tmp_path / "sub" / "c.json", [entry("c")])
    write(tmp_path / "notes.txt", "not read")
    alone = write(tmp_path / "a.yml", entry("a"))
    found = read_articles([tmp_path, alone])
    assert [article.article_id for article in found.articles] == ["a", "b1", "b2", "c"]
    assert found.refused == ()


def test_a_bad_article_is_refused_and_the_others_are_kept(tmp_path: Path) -> None:
    path = write(tmp_path / "a.yaml", [entry("a"), entry("b", code="?"), 7, entry("c")])
    found = read_articles([path])
    assert [article.article_id for article in found.articles] == ["a", "c"]
    assert [error.where for error in found.refused] == [
        f"{path}: entry 2 ('b')",
        f"{path}: entry 3",
    ]


def test_an_id_that_stands_twice_is_refused_with_both_places(tmp_path: Path) -> None:
    first = write(tmp_path / "a.yaml", [entry("x")])
    second = write(tmp_path / "b.yaml", [entry("x")])
    found = read_articles([tmp_path])
    assert len(found.articles) == 1
    assert str(first) in str(found.refused[0])
    assert found.refused[0].where == f"{second}: entry 1"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.yaml", b"- id: [", r"a\.yaml:\d:\d: is not YAML"),
        ("a.yaml", b"- id: a\n  id: b\n", r"a\.yaml:2:3: is not YAML: the key 'id' is given twice"),
        ("a.yaml", b"- !!python/object:os.system {}\n", "is not YAML"),
        ("a.yaml", b"- when: 2026-99-99\n", "cannot be read"),
        ("a.json", b'[{"id": }]', r"a\.json:1:9: is not JSON"),
        ("a.json", b"[" * 100_000, "cannot be read"),
        ("a.yaml", b"[" * 100_000, "nests too deep"),
        ("a.yaml", b"\xff", "not UTF-8 at byte 0"),
        ("a.yaml", b"", "is empty"),
        ("a.yaml", b"just text", "is a str"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_place(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    write(tmp_path / "good.yaml", [entry("good")])
    found = read_articles([tmp_path])
    assert [article.article_id for article in found.articles] == ["good"]
    assert len(found.refused) == 1
    with pytest.raises(BadInput, match=message):
        raise found.refused[0]


def test_a_path_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        read_articles([tmp_path / "nope"])
    with pytest.raises(BadInput, match="holds no articles"):
        read_articles([tmp_path])
    with pytest.raises(BadInput, match="is not a file of articles"):
        read_articles([write(tmp_path / "a.txt", [])])


def test_the_starter_set_has_at_least_forty_articles_and_none_is_refused() -> None:
    found = read_articles([starter_articles()])
    assert found.refused == ()
    assert len(found.articles) >= 40
    assert all(article.remedies and article.checks for article in found.articles)
