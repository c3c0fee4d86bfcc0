"""The notebook docs/analysis.ipynb: it was run, and what its cells say still works."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import Engine

from argus_pipeline.charts import RenderedChart
from argus_pipeline.storage.object_store import ObjectStore

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs" / "analysis.ipynb"
MAX_BYTES = 300_000


def code_cells() -> list[dict[str, Any]]:
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def run(source: str, names: dict[str, Any]) -> Any:
    """What a notebook shows of a cell: the value of its last expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, str(NOTEBOOK), "exec"), names)
    if last is None:
        return None
    assert isinstance(last, ast.Expr)
    return eval(compile(ast.Expression(last.value), str(NOTEBOOK), "eval"), names)


def test_the_notebook_has_been_run_from_first_to_last() -> None:
    cells = code_cells()
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    kinds = [output["output_type"] for cell in cells for output in cell["outputs"]]
    assert set(kinds) == {"execute_result"}
    assert NOTEBOOK.stat().st_size < MAX_BYTES


def test_every_cell_runs_on_what_the_pipeline_leaves(
    filled: ObjectStore, engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = filled.settings
    for name, value in {
        "ARGUS_HOME": tmp_path,
        "ARGUS_S3_ENDPOINT": settings.s3_endpoint,
        "ARGUS_S3_BUCKET": settings.s3_bucket,
        "ARGUS_S3_PREFIX": settings.s3_prefix,
        "ARGUS_S3_ACCESS_KEY": settings.s3_access_key,
        "ARGUS_S3_SECRET_KEY": settings.s3_secret_key,
        "ARGUS_DATABASE_URL": engine.url.render_as_string(hide_password=False),
    }.items():
        monkeypatch.setenv(name, str(value))
    names: dict[str, Any] = {}
    with pl.Config():
        values = [run("".join(cell["source"]), names) for cell in code_cells()]
    shown = [value for value in values if value is not None]
    assert [type(value) for value in shown[:-1]] == [pl.DataFrame] * (len(shown) - 1)
    assert isinstance(shown[-1], RenderedChart)
    assert all(frame.width for frame in shown[:-1])
