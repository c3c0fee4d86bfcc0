from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, text

from argus_pipeline.database.engine import create_engine
from argus_pipeline.database.migrate import migrate
from argus_pipeline.errors import ArgusError, Unavailable
from argus_pipeline.knowledge import index, nearest
from argus_pipeline.knowledge.articles import Article
from argus_pipeline.knowledge.embedding import LocalEmbedder
from argus_pipeline.knowledge.retrieval import MAX_CODES, Question, Retrieval, Step, retrieve
from argus_pipeline.knowledge.store import article_vectors, import_articles
from argus_pipeline.knowledge.vectors import Vectors

EMBEDDER = LocalEmbedder()


def article(article_id: str, code: str, title: str, **fields: Any) -> Article:
    return Article(article_id, code, title, "tests", "en", **fields)


ARTICLES = [
    article("j7-old", "C0035", "Left front wheel speed sensor lost its signal",
            platform="J7", firmware_min="v2.3.0", firmware_max="v2.9"),
    article("j7-new", "C0035", "Wheel speed is misread by the brake software",
            platform="J7", firmware_min="v2.10"),
    article("any-wheel", "C0035", "Wheel speed sensor circuit"),
    article("k9-wheel", "C0035", "Wheel speed sensor connector corroded", platform="K9"),
    article("j7-seat", "B0050", "Seat belt switch", platform="J7", firmware_max="v2.2"),
    article("any-seat", "B0050", "Seat belt"),
    article("j7-horn", "B0099", "Horn relay sticks",
            platform="J7", firmware_min="v2.3.0", firmware_max="v2.9"),
    article("k9-screen", "E214", "The infotainment screen restarts", platform="K9"),
    article("any-battery", "P0A80", "The traction battery is worn out and holds less charge"),
    article("x1-battery", "E900", "The traction battery is too old", platform="X1"),
]  # fmt: skip


@pytest.fixture(scope="module")
def engine(module_database_url: str) -> Engine:
    migrate(module_database_url)
    engine = create_engine(module_database_url)
    import_articles(engine, ARTICLES, EMBEDDER)
    return engine


def found(retrieval: Retrieval) -> list[tuple[str, str]]:
    return [(match.article.article_id, match.step.value) for match in retrieval.matches]


def ask(
    engine: Engine,
    codes: Sequence[str],
    platform: str | None = "J7",
    firmware: str | None = "v2.3.1",
    query: str = "",
    top_k: int = 3,
) -> Retrieval:
    return retrieve(engine, EMBEDDER, Question(tuple(codes), platform, firmware, query, top_k))


def test_the_article_for_this_code_platform_and_firmware_answers_alone(engine: Engine) -> None:
    retrieval = ask(engine, ["C0035"])
    assert found(retrieval) == [("j7-old", "code+platform+firmware")]
    assert retrieval.matches[0].caveat is None
    assert retrieval.matches[0].article == ARTICLES[0]
    assert retrieval.notes == ()


@pytest.mark.parametrize(
    ("firmware", "article_id"),
    [("v2.3.0", "j7-old"), ("2.9", "j7-old"), ("v2.10", "j7-new"), ("V2.10.0", "j7-new"),
     ("v2.10.5-rc1", "j7-new"), ("v3", "j7-new")],
)  # fmt: skip
def test_firmware_is_compared_as_versions(engine: Engine, firmware: str, article_id: str) -> None:
    expected = [(article_id, "code+platform+firmware")]
    assert found(ask(engine, ["C0035"], firmware=firmware)) == expected


@pytest.mark.parametrize("firmware", ["v2.2.9", "v2.3.0-rc1", "blue", None])
def test_what_was_written_for_another_firmware_comes_after_what_holds_for_any(
    engine: Engine, firmware: str | None
) -> None:
    retrieval = ask(engine, ["C0035", "B0099"], firmware=firmware)
    assert found(retrieval) == [("any-wheel", "code"), ("j7-horn", "code+platform")]
    assert [match.caveat for match in retrieval.matches] == [
        None,
        "written for firmware v2.3.0 to v2.9",
    ]


def test_an_article_for_any_platform_is_the_second_step(engine: Engine) -> None:
    assert found(ask(engine, ["C0035"], platform="M1")) == [("any-wheel", "code")]


def test_another_platforms_article_is_last_and_marked(engine: Engine) -> None:
    retrieval = ask(engine, ["E214", "C0035"], query="the screen restarts")
    assert found(retrieval) == [
        ("j7-old", "code+platform+firmware"),
        ("k9-screen", "code, other platform"),
    ]
    assert retrieval.matches[-1].caveat == "written for platform K9, not for J7"
    assert retrieval.notes == ("no article for this platform has the code E214",)


def test_an_unknown_code_is_answered_by_free_text_and_says_so(engine: Engine) -> None:
    retrieval = ask(engine, ["P9999"], query="high voltage battery capacity is low")
    assert found(retrieval) == [("any-battery", "free text")]
    assert retrieval.matches[0].code is None
    assert 0 < (retrieval.matches[0].distance or 0) <= EMBEDDER.distance_limit
    assert retrieval.notes == ("no article for this platform has the code P9999",)


def test_free_text_finds_an_english_article_for_a_question_in_another_language(
    engine: Engine,
) -> None:
    for query in ("Die Traktionsbatterie ist verschlissen", "动力电池老化"):
        assert found(ask(engine, [], query=query))[0] == ("any-battery", "free text")


def test_free_text_far_from_every_article_finds_nothing(engine: Engine) -> None:
    assert ask(engine, [], query="grandmother's recipe for apple cake").matches == ()


def test_free_text_is_not_asked_when_every_code_has_its_article(engine: Engine) -> None:
    retrieval = ask(engine, ["C0035"], query="traction battery worn out")
    assert found(retrieval) == [("j7-old", "code+platform+firmware")]


def test_neither_codes_nor_text_find_nothing(engine: Engine) -> None:
    assert ask(engine, []) == Retrieval((), ())
    assert ask(engine, ["P9999"], query=" ").matches == ()


def test_without_a_platform_each_limited_article_carries_its_platform(engine: Engine) -> None:
    retrieval = ask(engine, ["C0035"], platform=None, firmware=None, top_k=9)
    assert {match.step for match in retrieval.matches} == {Step.CODE}
    caveats = {match.article.article_id: match.caveat for match in retrieval.matches}
    assert caveats == {
        "any-wheel": None,
        "j7-old": "written for platform J7 only",
        "j7-new": "written for platform J7 only",
        "k9-wheel": "written for platform K9 only",
    }


def test_codes_keep_their_order_and_count_once_in_any_spelling(engine: Engine) -> None:
    retrieval = ask(engine, ["p0a80", "C0035", "P0A80"])
    assert [match.code for match in retrieval.matches] == ["P0A80", "C0035"]


def test_each_code_has_at_most_top_k_articles_the_nearest_first(engine: Engine) -> None:
    query = "the brake software misreads the speed"
    retrieval = ask(engine, ["C0035", "P0A80"], firmware="2.%", query=query, top_k=1)
    assert [match.article.article_id for match in retrieval.matches] == ["j7-new", "any-battery"]
    both = ask(engine, ["C0035"], firmware="v1", query=query).matches
    distances = [match.distance or 0.0 for match in both]
    assert distances == sorted(distances)
    vectors = article_vectors(EMBEDDER, [match.article for match in both])
    assert distances == pytest.approx(list(1 - vectors @ EMBEDDER.embed([query])[0]), abs=1e-5)


def test_too_many_codes_are_cut_with_a_note(engine: Engine) -> None:
    retrieval = ask(engine, [*(f"X{n}" for n in range(MAX_CODES)), "C0035"])
    assert retrieval.matches == ()
    assert f"only the first {MAX_CODES} of {MAX_CODES + 1}" in retrieval.notes[0]


class Named(LocalEmbedder):
    name = "another"


class Shorter(LocalEmbedder):
    name = "shorter"
    dimension = 64

    def embed(self, texts: Sequence[str]) -> Vectors:
        return super().embed(texts)[:, :64]


@pytest.mark.parametrize("embedder", [Named(), Shorter()])
def test_vectors_of_another_embedder_are_never_compared(
    engine: Engine, embedder: LocalEmbedder
) -> None:
    question = Question(("C0035", "P9999"), "J7", "v2.3.1", "traction battery worn out")
    retrieval = retrieve(engine, embedder, question)
    assert found(retrieval) == [
        ("j7-old", "code+platform+firmware"),
        ("any-battery", "keywords"),
    ]
    assert {match.distance for match in retrieval.matches} == {None}
    assert any("argus knowledge import" in note for note in retrieval.notes)


@pytest.mark.parametrize("error", [Unavailable("no answer"), ArgusError("no answer to this key")])
def test_an_embedder_that_is_down_costs_the_order_only(engine: Engine, error: ArgusError) -> None:
    class Down(LocalEmbedder):
        def embed(self, texts: Sequence[str]) -> Vectors:
            raise error

    retrieval = retrieve(engine, Down(), Question(("C0035",), "J7", "v2.3.1", "wheel"))
    assert found(retrieval) == [("j7-old", "code+platform+firmware")]
    assert "no answer" in retrieval.notes[0]


def test_the_number_of_statements_does_not_grow_with_the_codes(engine: Engine) -> None:
    statements: list[str] = []

    def note(*args: Any) -> None:
        statements.append(args[2])

    event.listen(engine, "before_cursor_execute", note)
    try:
        ask(engine, ["C0035"], query="wheel")
        alone = len(statements)
        statements.clear()
        ask(engine, ["C0035", "B0050", "P0A80"], query="wheel")
        assert len(statements) == alone == 2
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_the_filter_is_answered_by_the_index(engine: Engine) -> None:
    # Rolled back in the end: among a few rows, any index does.
    with engine.connect() as connection:
        connection.execute(text("DROP INDEX argus.ix_knowledge_articles_platform"))
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = connection.scalars(
            text("EXPLAIN SELECT title FROM argus.knowledge_articles WHERE code IN ('C0035')"
                 " AND platform = 'J7' AND firmware_min_key <= '{2}' AND firmware_max_key >= '{2}'")
        ).all()  # fmt: skip
    condition = next(line for line in plan if "Index Cond" in line)
    assert "ix_knowledge_articles_filter" in "\n".join(plan)
    assert all(column in condition for column in ("code", "platform", "min_key", "max_key"))


def test_a_neighbouring_code_answers_where_the_code_has_none_and_says_so(engine: Engine) -> None:
    retrieval = ask(engine, ["C0037"], query="wheel speed")
    assert {match.step for match in retrieval.matches} == {Step.FAMILY}
    assert {match.article.article_id for match in retrieval.matches} == {
        "j7-old", "j7-new", "any-wheel",
    }  # fmt: skip
    assert retrieval.matches[0].code == "C0037"
    assert all("of the family of C0037" in (m.caveat or "") for m in retrieval.matches)
    # Numbers of a maker's own are no family.
    assert ask(engine, ["E215"]).matches == ()


def test_a_code_with_a_failure_type_is_answered_by_the_code(engine: Engine) -> None:
    retrieval = ask(engine, ["C0035-1F"])
    assert found(retrieval) == [("j7-old", "code+platform+firmware")]
    assert (retrieval.matches[0].code, retrieval.matches[0].caveat) == ("C0035-1F", None)


def test_a_firmware_prefix_asks_for_all_versions_that_begin_so(engine: Engine) -> None:
    both = ask(engine, ["C0035"], firmware="v2.%")
    assert {match.article.article_id for match in both.matches} == {"j7-old", "j7-new"}
    assert {match.step for match in both.matches} == {Step.CODE_PLATFORM_FIRMWARE}
    assert found(ask(engine, ["C0035"], firmware="v2.10.%")) == [
        ("j7-new", "code+platform+firmware")
    ]


def test_words_answer_where_the_embedder_does_not(engine: Engine) -> None:
    class Down(LocalEmbedder):
        def embed(self, texts: Sequence[str]) -> Vectors:
            raise Unavailable("no answer")

    question = Question((), "J7", "v2.3.1", "the traction battery, after a long drive")
    assert found(retrieve(engine, Down(), question)) == [("any-battery", "keywords")]


def test_words_that_are_syntax_to_postgres_are_only_words(engine: Engine) -> None:
    assert ask(engine, [], query="'screen & | ! :* <-> \\\\ (seat").notes == ()


@pytest.fixture(scope="module")
def many(engine: Engine) -> Engine:
    """Further articles that the questions of the tests do not find, and an index over all."""
    crowd = [
        article(f"m{n:03}", "E500", f"cabin heater flap {n}", platform="L2" if n % 2 else "L3")
        for n in range(60)
    ]
    import_articles(engine, crowd, EMBEDDER)
    return engine


@pytest.mark.parametrize("platform", ["L2", "L3", "J7"])
def test_many_rows_go_through_the_index_and_none_is_lost(
    many: Engine, platform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = "the flap of the cabin heater"
    exact = ask(many, ["E500"], platform, query=query, top_k=20)
    for module in (nearest, index):
        monkeypatch.setattr(module, "EXACT_ROWS", 5)
    assert index.ensure_index(many, EMBEDDER)
    statements: list[str] = []

    def note(*args: Any) -> None:
        statements.append(args[2])

    event.listen(many, "before_cursor_execute", note)
    try:
        by_index = ask(many, ["E500"], platform, query=query, top_k=20)
    finally:
        event.remove(many, "before_cursor_execute", note)
    assert any("HALFVEC(512)" in statement for statement in statements)
    assert by_index == exact
    assert len(by_index.matches) >= 20


def test_an_index_that_brings_too_few_rows_is_followed_by_the_exact_order(
    many: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (nearest, index):
        monkeypatch.setattr(module, "EXACT_ROWS", 5)
    index.ensure_index(many, EMBEDDER)
    monkeypatch.setitem(nearest._HNSW, "hnsw.max_scan_tuples", "1")
    monkeypatch.setitem(nearest._HNSW, "hnsw.ef_search", "1")
    retrieval = ask(many, ["E500"], "L2", query="traction battery", top_k=30)
    assert len(retrieval.matches) == 30


def test_few_articles_need_no_index(engine: Engine) -> None:
    assert not index.ensure_index(engine, Named())


@given(
    codes=st.lists(st.sampled_from(["C0035", "B0050", "E214", "P0A80", "E900", "P9999"])),
    platform=st.sampled_from(["J7", "K9", "X1", "M1"]),
    firmware=st.sampled_from(["v2.2", "v2.3.1", "v2.9", "v2.10", "blue"]),
    query=st.sampled_from(["", "wheel speed", "traction battery", "screen", "a\0b\ud800"]),
    top_k=st.integers(-1, 4),
)
@settings(max_examples=150)
def test_whatever_is_asked_no_other_platforms_article_is_unmarked(
    engine: Engine, codes: list[str], platform: str, firmware: str, query: str, top_k: int
) -> None:
    retrieval = ask(engine, codes, platform, firmware, query, top_k)
    ids = [match.article.article_id for match in retrieval.matches]
    assert len(ids) == len(set(ids))
    for match in retrieval.matches:
        other = match.article.platform not in {platform, None}
        assert other == (match.step is Step.OTHER_PLATFORM)
        assert not other or match.caveat == (
            f"written for platform {match.article.platform}, not for {platform}"
        )
        if match.step not in {Step.FREE_TEXT, Step.KEYWORDS}:
            assert match.code == match.article.code
            assert match.code in codes
    # The first step that has an article answers, and answers alone.
    for code in set(codes):
        assert len({m.step for m in retrieval.matches if m.code == code}) == 1 or code == "P9999"
