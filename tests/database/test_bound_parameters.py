"""SQL is made of constants of ours; whatever comes from outside is a bound parameter."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("argus_pipeline", "assets", "sensors", "resources")
RUNS_SQL = {"text", "execute", "exec_driver_sql", "scalars", "scalar", "sql"}
# Each with the reason why it is no text from outside.
KNOWN = {
    ("argus_pipeline/fleet/lock.py", "round(wait_seconds * 1000)"): "a whole number",
    ("argus_pipeline/knowledge/index.py", "memory"): "a whole number and a unit",
    ("argus_pipeline/knowledge/index.py", "embedder.dimension"): "a whole number",
    ("argus_pipeline/knowledge/index.py", "index_name(embedder)"): "made of a hash",
    ("argus_pipeline/knowledge/index.py", "quoted"): "quoted: an index takes no parameter",
    ("argus_pipeline/knowledge/nearest.py", "settings"): "set_config with bound values",
    ("argus_pipeline/query/session.py", "schema"): "names of the local file's schemas",
    ("argus_pipeline/query/session.py", "','.join(SEARCH_PATH)"): "a constant",
    ("argus_pipeline/query/session.py", "table"): "quoted",
    ("argus_pipeline/query/session.py", "files"): "literals, quoted",
    ("argus_pipeline/query/session.py", "only"): "a literal, quoted",
    ("argus_pipeline/query/session.py", "''.join(columns)"): "literals, quoted",
    ("argus_pipeline/query/session.py", "quoted(name)"): "quoted",
}


def interpolated(path: Path) -> set[tuple[str, str]]:
    """What a formatted text holds that goes to a database, but for constants."""
    found = set()
    for call in ast.walk(ast.parse(path.read_text())):
        if not isinstance(call, ast.Call):
            continue
        name = getattr(call.func, "attr", getattr(call.func, "id", None))
        if name not in RUNS_SQL:
            continue
        for argument in call.args[:1]:
            for node in ast.walk(argument):
                if isinstance(node, ast.FormattedValue):
                    spelled = ast.unparse(node.value)
                    if not spelled.replace("_", "").isupper():
                        found.add((str(path.relative_to(ROOT)), spelled))
                elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
                    found.add((str(path.relative_to(ROOT)), ast.unparse(node)))
    return found


def test_no_text_from_outside_becomes_part_of_a_statement() -> None:
    found = set()
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            if "migrations" not in path.parts:
                found |= interpolated(path)
    assert found <= KNOWN.keys()
