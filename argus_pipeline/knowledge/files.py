"""Reads articles from YAML and JSON files. What is bad is refused by itself, the rest is kept."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

import yaml

from argus_pipeline.errors import BadInput
from argus_pipeline.knowledge.articles import Article, parse_article

SUFFIXES: Final = (".yaml", ".yml", ".json")
MAX_FILE_BYTES: Final = 64 * 1024 * 1024


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
        try:
            entries = _entries(path)
        except BadInput as error:
            refused.append(error)
            continue
        for number, entry in enumerate(entries, start=1):
            where = f"{path}: entry {number}"
            try:
                article = parse_article(entry, where=where)
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
            inside = sorted(p for p in path.rglob("*") if p.suffix in SUFFIXES and p.is_file())
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


def _entries(path: Path) -> list[Any]:
    where = str(path)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise BadInput("is too large", where=where, expected=f"up to {MAX_FILE_BYTES} bytes")
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"is not UTF-8 at byte {error.start}", where=where) from error
    except OSError as error:
        raise BadInput(f"cannot be read: {error.strerror}", where=where) from error
    try:
        content = json.loads(text) if path.suffix == ".json" else yaml.load(text, _UniqueKeys)
    except json.JSONDecodeError as error:
        at = f"{where}:{error.lineno}:{error.colno}"
        raise BadInput(f"is not JSON: {error.msg}", where=at) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = f"{where}:{mark.line + 1}:{mark.column + 1}" if mark else where
        raise BadInput(f"is not YAML: {error.problem or error}", where=at) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise BadInput(f"cannot be read: {error}", where=where) from error
    if isinstance(content, dict):
        return [content]
    if not isinstance(content, list) or not content:
        shown = "empty" if not content else f"a {type(content).__name__}"
        raise BadInput(f"is {shown}", where=where, expected="a list of articles")
    return content


class _UniqueKeys(yaml.SafeLoader):
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
        return super().construct_mapping(node, deep)
