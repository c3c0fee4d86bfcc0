from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from argus_pipeline.errors import ArgusError, BadInput
from argus_pipeline.knowledge.articles import Article
from argus_pipeline.knowledge.export import write_articles
from argus_pipeline.knowledge.files import read_articles, starter_articles
from argus_pipeline.knowledge.forms import Form


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


def test_csv_is_read_with_a_line_for_each_entry_of_a_list(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "\ufeffid,code,firmware_min,title,title_zh,causes,source,language,confirmed\n"
        'a,c0035,v2.3,Wheel,轮速,"cable chafed\nring dirty",s,en,yes\n'
        "\n"
        "b,E214,,Screen,,memory leak,s,en,\n"
        "c,E214,,Screen,,memory leak,s\n"
        "d,E214,newest,Screen,,memory leak,s,en,maybe\n"
    )
    found = read_articles([path])
    first, second = found.articles
    assert (first.causes, first.titles) == (("cable chafed", "ring dirty"), (("zh", "轮速"),))
    assert (first.firmware_min, first.confirmed) == ("v2.3", True)
    assert (second.firmware_min, second.confirmed) == (None, False)
    assert [error.where for error in found.refused] == [f"{path}: line 6", f"{path}: line 7 ('d')"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name;text\n1;2\n", "no header of articles"),
        ("id;code;id\n", "column twice"),
        ('id,code,title\na,C0035,"open\n', "line 2: is not CSV"),
        ("id,code,titel,causes,source,language\na,E1,t,c,s,en\n", "'titel' is not known"),
    ],
)
def test_a_table_that_is_none_of_articles_is_refused(
    tmp_path: Path, content: str, message: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content)
    found = read_articles([path])
    assert found.articles == ()
    assert message in str(found.refused[0])


MARKDOWN = """---
code: C0035
platform: J7
source: brake team
language: en
---
# Left front wheel speed

## Symptoms
- ABS lamp on,
  and no speed.

## 原因
1. Cable chafed.
2. Ring dirty.
"""


def test_a_folder_of_markdown_is_read_one_article_a_file(tmp_path: Path) -> None:
    (tmp_path / "c0035-front.md").write_text(MARKDOWN)
    (tmp_path / "README.md").write_text("# What this folder is")
    found = read_articles([tmp_path])
    assert found.refused == ()
    (article,) = found.articles
    assert (article.article_id, article.title) == ("c0035-front", "Left front wheel speed")
    assert article.symptoms == ("ABS lamp on, and no speed.",)
    assert article.causes == ("Cable chafed.", "Ring dirty.")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("# Only a title", "no front matter"),
        ("---\ncode: [\n---\n", r"a\.md:[23]:\d+: is not YAML"),
        ("---\ncode: C1\n---\n## History\n", r"a\.md:4: the heading '## History' is not known"),
        ("---\ncode: C1\n---\nfree text\n", r"a\.md:4: text outside of a section"),
        ("---\n- a\n---\n", "no fields"),
    ],
)
def test_markdown_that_is_no_article_is_refused_with_the_line(
    tmp_path: Path, content: str, message: str
) -> None:
    (tmp_path / "a.md").write_text(content)
    found = read_articles([tmp_path])
    assert found.articles == ()
    with pytest.raises(BadInput, match=message):
        raise found.refused[0]


OBDEX = """
- code: C0035
  category: chassis
  title: {en: Left Front Wheel Speed, de: Raddrehzahl vorne links}
  description: {en: The sensor signal is missing., de: Das Signal fehlt.}
  affected_components: [wheel_speed_sensor, wiring]
  common_causes:
    - {id: b, likelihood: low, label: {en: Unit faulty, de: Steuergerät defekt}}
    - {id: a, likelihood: high, label: {en: Cable chafed, de: Kabel defekt}}
  symptoms:
    - {en: ABS lamp on, de: ABS-Leuchte an}
  sources: [https://example.org/c0035]
- code: C0036
  common_causes: 7
"""


def test_the_layout_of_obdex_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "C0xxx_enriched.yaml"
    path.write_text(OBDEX)
    found = read_articles([path])
    (article,) = found.articles
    assert (article.article_id, article.title) == ("obdex-c0035", "Left Front Wheel Speed")
    assert article.titles == (("de", "Raddrehzahl vorne links"),)
    assert article.symptoms == ("The sensor signal is missing.", "ABS lamp on")
    assert article.causes == ("Cable chafed", "Unit faulty")
    assert article.checks == ("Parts concerned: wheel speed sensor, wiring.",)
    assert article.source == "OBDex (CC0), https://example.org/c0035"
    assert len(found.refused) == 1


def test_all_of_obdex_is_read_where_it_is_at_hand(shared_data: Path) -> None:
    folder = shared_data / "knowledge" / "obdex"
    if not folder.is_dir():
        pytest.skip(f"OBDex is not here: {folder}")
    found = read_articles([folder])
    assert found.refused == ()
    assert len(found.articles) == 9533


words = st.text("abc äß轮;,\"'|#-:&\u2028", min_size=1, max_size=12).filter(
    lambda text: text.split() and text == " ".join(text.split())
)
lists = st.lists(words, max_size=3).map(tuple)


@given(
    st.builds(
        Article, st.just("an-article"), st.sampled_from(["C0035", "E214"]), words, words,
        st.just("en"), platform=st.sampled_from([None, "J7"]),
        firmware_min=st.sampled_from([None, "v2.3", "v2.%"]), ecu=st.none() | words,
        symptoms=lists, causes=st.lists(words, min_size=1).map(tuple), checks=lists,
        remedies=lists, confirmed=st.booleans(),
        titles=st.sampled_from([(), (("de", "Titel"), ("zh", "标题"))]),
    ),
    st.sampled_from(list(Form)),
)  # fmt: skip
@hypothesis_settings(max_examples=100)
def test_what_is_exported_is_read_back_the_same(article: Article, form: Form) -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / ("articles" if form is Form.MARKDOWN else f"a.{form.value}")
        write_articles([article], form, out)
        found = read_articles([out])
    assert found.refused == ()
    assert found.articles == (article,)


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArgusError, match="cannot be written"):
        write_articles([], Form.YAML, tmp_path / "no" / "such" / "folder.yaml")


def test_the_starter_set_has_120_articles_with_titles_in_english_and_chinese() -> None:
    found = read_articles([starter_articles()])
    assert found.refused == ()
    assert len(found.articles) >= 120
    for article in found.articles:
        assert all((article.symptoms, article.checks, article.remedies)), article.article_id
        assert article.title_in("zh") != article.title, article.article_id
    titles = [article.title for article in found.articles]
    assert len(set(titles)) == len(titles)
