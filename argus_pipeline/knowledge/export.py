"""Writes articles into files that an import reads back to the same articles."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import yaml

from argus_pipeline.errors import ArgusError
from argus_pipeline.knowledge.articles import Article
from argus_pipeline.knowledge.forms import Form
from argus_pipeline.knowledge.markdown import write_markdown
from argus_pipeline.knowledge.tables import write_table


def as_text(articles: Sequence[Article], form: Form) -> str:
    """All articles as one text; not for Markdown, which has a file for each.

    In CSV and Markdown, white space inside an entry of a list becomes single spaces.
    """
    entries = [article.to_entry() for article in articles]
    if form is Form.JSON:
        return json.dumps(entries, indent=1, ensure_ascii=False) + "\n"
    if form is Form.CSV:
        return write_table(articles)
    if form is Form.YAML:
        dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
        return yaml.dump(entries, Dumper=dumper, allow_unicode=True, sort_keys=False, width=100)
    raise ArgusError("Markdown has a file for each article", hint="Name a folder to write to")


def write_articles(articles: Sequence[Article], form: Form, out: Path) -> None:
    """Write articles to a file, or into a folder for Markdown.

    Raises:
        ArgusError: the place cannot be written to.
    """
    try:
        if form is not Form.MARKDOWN:
            out.write_text(as_text(articles, form), "utf-8", newline="")
            return
        out.mkdir(parents=True, exist_ok=True)
        for article in articles:
            path = out / f"{article.article_id}.md"
            path.write_text(write_markdown(article), "utf-8")
    except OSError as error:
        raise ArgusError(f"cannot be written: {error.strerror}", where=str(out)) from error
