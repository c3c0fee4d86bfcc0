"""Articles as Markdown: one file each, with front matter, and a section for each list.

    ---
    code: C0035
    platform: J7
    source: brake team
    language: en
    ---
    # Left front wheel speed sensor

    ## Causes
    - Cable chafed at the strut.

The id is the file's name where the front matter has none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import yaml

from argus_pipeline.errors import BadInput
from argus_pipeline.knowledge.articles import LISTS, Article

_FENCE: Final = "---"
_HEADINGS: Final = {
    **{name: name for name in LISTS},
    "symptome": "symptoms",
    "ursachen": "causes",
    "prüfungen": "checks",
    "abhilfe": "remedies",
    "症状": "symptoms",
    "原因": "causes",
    "检查": "checks",
    "措施": "remedies",
}
_ITEM = re.compile(r"(?:[-*+]|\d+[.)])\s+(?P<text>.*)")


def read_markdown(text: str, name: str, *, where: str, load: Any) -> dict[str, Any]:
    """The entry that a file holds.

    Args:
        text: the file's content.
        name: its name without suffix, the id where it states none.
        where: the file, for messages.
        load: reads the YAML of the front matter.

    Raises:
        BadInput: it has no front matter, or a heading or text that belongs to no list.
    """
    lines = text.splitlines()
    if not lines or lines[0].strip() != _FENCE or _FENCE not in map(str.strip, lines[1:]):
        raise BadInput(
            "has no front matter",
            where=where,
            expected="a first line ---, fields such as `code: C0035`, and a line --- again",
        )
    end = next(n for n, line in enumerate(lines[1:], 1) if line.strip() == _FENCE)
    # With the first line, so that an error names the right one.
    front = load("\n".join(["", *lines[1:end]]))
    if not isinstance(front, Mapping):
        raise BadInput("has no fields in its front matter", where=where, expected="code: C0035 …")
    entry: dict[str, Any] = {"id": name, **front}
    section: str | None = None
    for number, line in enumerate(lines[end + 1 :], end + 2):
        stripped = line.strip()
        at = f"{where}:{number}"
        if not stripped:
            continue
        if stripped.startswith("# "):
            entry.setdefault("title", stripped[2:].strip())
        elif stripped.startswith("#"):
            section = _HEADINGS.get(stripped.lstrip("#").strip().lower())
            if section is None:
                raise BadInput(
                    f"the heading {stripped!r} is not known",
                    where=at,
                    expected="one of " + ", ".join(LISTS),
                )
            entry.setdefault(section, [])
        elif section is None:
            raise BadInput("text outside of a section", where=at, expected="## Causes, - …")
        else:
            _add(entry[section], line)
    return entry


def write_markdown(article: Article) -> str:
    """The article as Markdown, which `read_markdown` reads back."""
    entry = article.to_entry()
    lists = {name: entry.pop(name, []) for name in LISTS}
    title = entry.pop("title")
    front = yaml.safe_dump(entry, allow_unicode=True, sort_keys=False).rstrip()
    parts = [f"{_FENCE}\n{front}\n{_FENCE}\n# {' '.join(title.split())}\n"]
    for name, texts in lists.items():
        if texts:
            items = "\n".join("- " + " ".join(text.split()) for text in texts)
            parts.append(f"## {name.capitalize()}\n\n{items}\n")
    return "\n".join(parts)


def _add(entries: Any, line: str) -> None:
    item = _ITEM.match(line.strip())
    if item is not None and not (entries and line.startswith(("    ", "\t"))):
        entries.append(item["text"])
    elif entries:
        # A wrapped line goes on with its item.
        entries[-1] += " " + line.strip()
    else:
        entries.append(line.strip())
