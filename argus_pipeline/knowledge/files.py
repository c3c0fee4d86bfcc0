"""Reads articles from files: YAML, JSON, CSV and Markdown, and YAML as OBDex lays it out.

What is bad is refused by itself, the rest is kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any, Final

import yaml

from argus_pipeline.errors import BadInput
from argus_pipeline.knowledge.articles import Article, parse_article
from argus_pipeline.knowledge.markdown import read_markdown
from argus_pipeline.knowledge.obdex import from_obdex, is_obdex
from argus_pipeline.knowledge.tables import read_table

SUFFIXES: Final = (".yaml", ".yml", ".json", ".csv", ".md")
MAX_FILE_BYTES: Final = 64 * 1024 * 1024
MAX_DEPTH: Final = 100


@dataclass(frozen=True, slots=True)
class ArticleFiles:
    """What some files held: the good articles, and why each of the others was refused."""

    articles: tuple[Article, ...]
    refused: tuple[BadInput, ...]


def starter_articles() -> Path:
    """The folder of the starter set that comes with Argus."""
    return Path(str(resources.files("argus_pipeline.knowledge").joinpath("articles")))


def read_articles(paths: Sequence[Path]) -> ArticleFiles:
    """Read all articles of some files and folders (recursively, in the order of their names).

    An id may stand once only: the second article with it is refused.

    Raises:
        BadInput: a path does not exist, or a folder holds no file of articles.
    """
    articles: list[Article] = []
    refused: list[BadInput] = []
    seen: dict[str, str] = {}
    for path in _files(paths):
        for where, entry in _entries(path, refused):
            try:
                own = from_obdex(entry) if is_obdex(entry) else entry
                article = parse_article(own, where=where)
                if article.article_id in seen:
                    raise BadInput(
                        f"field 'id' is {article.article_id!r}, as in {seen[article.article_id]}",
                        where=where,
                        expected="every id once",
                    )
            except BadInput as error:
                refused.append(error)
                continue
            seen[article.article_id] = where
            articles.append(article)
    return ArticleFiles(tuple(articles), tuple(refused))


def _files(paths: Iterable[Path]) -> list[Path]:
    found: dict[Path, Path] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if _is_of_articles(p))
            if not inside:
                raise BadInput(
                    "the folder holds no articles",
                    where=str(path),
                    expected="files ending in " + ", ".join(SUFFIXES),
                )
        elif not path.exists():
            raise BadInput("there is no such file or folder", where=str(path))
        elif path.suffix not in SUFFIXES:
            raise BadInput(
                "is not a file of articles",
                where=str(path),
                expected="a name ending in " + ", ".join(SUFFIXES),
            )
        else:
            inside = [path]
        # The same file named twice is read once.
        found.update({p.resolve(): p for p in inside if p.resolve() not in found})
    return list(found.values())


def _is_of_articles(path: Path) -> bool:
    # A folder of articles may well say what it is.
    return path.suffix in SUFFIXES and path.name.lower() != "readme.md" and path.is_file()


def _entries(path: Path, refused: list[BadInput]) -> Iterator[tuple[str, Any]]:
    """The entries of a file with their places, until one error ends it, which is noted."""
    where = str(path)
    try:
        text = _text(path)
        if path.suffix == ".csv":
            yield from read_table(text, where=where)
        elif path.suffix == ".md":
            load = partial(_structured, path)
            yield where, read_markdown(text, path.stem, where=where, load=load)
        else:
            content = _listed(_structured(path, text), where)
            yield from ((f"{where}: entry {n}", entry) for n, entry in enumerate(content, 1))
    except BadInput as error:
        refused.append(error)


def _text(path: Path) -> str:
    where = str(path)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise BadInput("is too large", where=where, expected=f"up to {MAX_FILE_BYTES} bytes")
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"is not UTF-8 at byte {error.start}", where=where) from error
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", where=where) from error


def _structured(path: Path, text: str) -> Any:
    where = str(path)
    try:
        if path.suffix == ".json":
            return json.loads(text)
        _refuse_deep(text, where)
        return yaml.load(text, _UniqueKeys)
    except json.JSONDecodeError as error:
        at = f"{where}:{error.lineno}:{error.colno}"
        raise BadInput(f"is not JSON: {error.msg}", where=at) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = f"{where}:{mark.line + 1}:{mark.column + 1}" if mark else where
        raise BadInput(f"is not YAML: {error.problem or error}", where=at) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadInput(f"cannot be read: {error}", where=where) from error


def _refuse_deep(text: str, where: str) -> None:
    """libyaml's composer calls itself for each level, and deep enough takes the process down."""
    depth = 0
    for event in yaml.parse(text, _Loader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise BadInput("nests too deep", where=where, expected=f"at most {MAX_DEPTH} levels")


def _listed(content: Any, where: str) -> list[Any]:
    if isinstance(content, dict):
        return [content]
    if not isinstance(content, list) or not content:
        shown = "empty" if not content else f"a {type(content).__name__}"
        raise BadInput(f"is {shown}", where=where, expected="a list of articles")
    return content


# libyaml's reader is ten times as fast, where PyYAML was built with it.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _UniqueKeys(_Loader):  # type: ignore[misc]
    """PyYAML's safe loader, but a key given twice is an error where it would take the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is given twice", key.start_mark
                )
            seen.add(key.value)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping
