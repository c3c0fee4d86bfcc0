from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from argus_pipeline.cli import knowledge
from argus_pipeline.errors import ArgusError, BadInput

ARTICLES = """
- id: j7-wheel
  code: c0035
  platform: J7
  firmware: {min: v2.3.0}
  title: Left front wheel speed sensor
  causes: [chafed cable]
  source: tests
  language: en
- id: any-screen
  code: E214
  title: The infotainment screen goes black
  causes: [the media service is out of memory]
  source: tests
  language: en
"""
BAD = "- {id: bad, code: E1, titel: x, causes: [y], source: tests, language: en}\n"


@pytest.fixture
def argus(database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    monkeypatch.setenv("ARGUS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ARGUS_DATABASE_URL", database_url)
    return CliRunner()


def run(argus: CliRunner, *arguments: str | Path) -> Result:
    result = argus.invoke(knowledge.app, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    path = tmp_path / "articles.yaml"
    path.write_text(ARTICLES)
    return path


def test_articles_are_imported_into_an_empty_database_and_a_repeat_changes_nothing(
    argus: CliRunner, articles: Path
) -> None:
    first = run(argus, "import", articles)
    assert (first.exit_code, first.stdout.strip()) == (
        0,
        "2 articles: 2 added, 0 changed, 0 with a new vector only, 0 unchanged",
    )
    second = json.loads(run(argus, "import", articles, "--json").stdout)
    assert (second["unchanged"], second["added"], second["refused"]) == (2, 0, [])


def test_a_bad_article_is_named_and_the_others_go_in(
    argus: CliRunner, articles: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(BAD)
    result = run(argus, "import", articles, bad, "--json")
    assert result.exit_code == 1
    assert f"{bad}: entry 1 ('bad'): field 'titel' is not known" in result.stderr
    answer = json.loads(result.stdout)
    assert answer["added"] == 2
    assert answer["refused"][0]["where"] == f"{bad}: entry 1 ('bad')"


def test_a_path_that_does_not_exist_is_an_error(argus: CliRunner) -> None:
    with pytest.raises(BadInput, match="no such file"):
        run(argus, "import", "/nowhere")


def test_articles_are_listed(argus: CliRunner, articles: Path) -> None:
    run(argus, "import", articles)
    everything = json.loads(run(argus, "list", "--json").stdout)
    assert [entry["id"] for entry in everything] == ["j7-wheel", "any-screen"]
    of_code = run(argus, "list", "--code", "e214")
    assert "any-screen" in of_code.stdout
    assert "j7-wheel" not in of_code.stdout


def test_a_search_says_by_which_step_an_article_was_found(argus: CliRunner, articles: Path) -> None:
    run(argus, "import", articles)

    def found(*arguments: str) -> list[tuple[str, str]]:
        answer = json.loads(run(argus, "search", *arguments, "--json").stdout)
        return [(match["article"]["id"], match["step"]) for match in answer["matches"]]

    j7 = ("--platform", "J7", "--firmware")
    assert found("c0035", *j7, "v2.10") == [("j7-wheel", "code+platform+firmware")]
    assert found("c0035", *j7, "v2.2.9") == [("j7-wheel", "code+platform")]
    assert found("c0035", "--platform", "K9") == [("j7-wheel", "code, other platform")]
    assert found("der Bildschirm ist schwarz") == [("any-screen", "free text")]
    assert found("E214 screen") == [("any-screen", "code")]


def test_a_search_that_finds_nothing_says_so(argus: CliRunner, articles: Path) -> None:
    run(argus, "import", articles)
    result = run(argus, "search", "P9999")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no article for this platform has the code P9999" in result.stderr


def test_a_list_before_any_import_says_what_to_do(argus: CliRunner) -> None:
    with pytest.raises(ArgusError, match="argus up"):
        run(argus, "list")


@pytest.mark.parametrize("form", ["yaml", "json", "csv", "md"])
def test_an_export_is_imported_without_a_change(
    argus: CliRunner, articles: Path, tmp_path: Path, form: str
) -> None:
    run(argus, "import", articles)
    out = tmp_path / ("exported" if form == "md" else f"exported.{form}")
    assert run(argus, "export", "--format", form, "--out", out).exit_code == 0
    again = json.loads(run(argus, "import", out, "--json").stdout)
    assert (again["unchanged"], again["added"], again["changed"]) == (2, 0, 0)
    only = run(argus, "export", "--code", "e214", "--format", "csv").stdout
    assert "any-screen" in only
    assert "j7-wheel" not in only


def test_a_check_names_what_a_person_should_look_at(argus: CliRunner, articles: Path) -> None:
    run(argus, "import", articles)
    result = run(argus, "check")
    assert result.exit_code == 1
    assert "2 without a remedy, such as any-screen, j7-wheel" in result.stdout
    assert json.loads(run(argus, "check", "--json").stdout)["duplicates"] == 0
