"""The image's recipe: pinned by hash, no compiler, not root, nothing of a developer in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILES = (ROOT / "deploy" / "Dockerfile", ROOT / "deploy" / "compose" / "minio.Dockerfile")
RECIPE = DOCKERFILES[0].read_text()
FINAL = RECIPE.rpartition("\nFROM ")[2]


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_every_image_ends_as_a_user_that_is_not_root(path: Path) -> None:
    users = re.findall(r"^USER (\d+):(\d+)$", path.read_text(), re.MULTILINE)
    assert users
    assert users[-1] == ("10001", "10001")


def test_the_image_has_no_compiler_and_no_pip_configuration() -> None:
    assert "g++" not in FINAL
    assert "python3-dev" not in FINAL
    assert "secret" not in FINAL
    copied = re.findall(r"^COPY (.*)$", FINAL, re.MULTILINE)
    assert all(line.startswith("--from=build /opt/argus/") for line in copied)


def test_what_is_installed_is_pinned_by_hash() -> None:
    installs = re.findall(r"pip install [^&\n]*", RECIPE)
    assert installs
    assert all("--require-hashes" in line or "--no-index" in line for line in installs)


def pins(path: Path) -> dict[str, str]:
    blocks = re.split(r"\n(?=[a-zA-Z0-9])", path.read_text().strip())
    return {block.split("==")[0].strip(): block.strip() for block in blocks}


@pytest.mark.parametrize("name", ["requirements.txt", "build-requirements.txt"])
def test_the_image_gets_the_versions_that_the_tests_run_with(name: str) -> None:
    tested, image = pins(ROOT / "requirements.txt"), pins(ROOT / "deploy" / name)
    versions = re.compile(r"==([^\s;]+)")
    other = {
        package
        for package, block in image.items()
        if package not in tested
        or versions.search(block).group(1) != versions.search(tested[package]).group(1)  # type: ignore[union-attr]
    }
    assert other == set(), "run make pins"


def test_the_image_has_no_tools_of_a_developer() -> None:
    image = pins(ROOT / "deploy" / "requirements.txt")
    assert image.keys() & {"pytest", "mypy", "ruff", "playwright", "hypothesis"} == set()
    assert image.keys() >= {"dagster-k8s", "dagster-celery"}


def test_a_builder_is_sent_only_what_the_recipe_copies() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    sent = {line[1:] for line in lines if line.startswith("!")}
    first = RECIPE.partition("\nFROM ${BASE}\n")[0]
    copied = {
        word
        for line in re.findall(r"^COPY (.*)$", first, re.MULTILINE)
        for word in line.split()[:-1]
    }
    assert sent == copied
    assert lines[1] == "*"


def test_no_project_file_names_a_registry() -> None:
    for path in (ROOT / "deploy").rglob("*"):
        if path.is_file():
            text = path.read_text()
            assert "--index-url" not in text, path
            assert "files.pythonhosted" not in text, path
