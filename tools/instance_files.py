"""Writes the dagster.yaml of deploy/ from the root's own, as `instance_config` makes them.

python tools/instance_files.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import yaml

from argus_pipeline.engine.instance_file import instance_config
from argus_pipeline.engine.options import Engine

ROOT: Final = Path(__file__).resolve().parents[1]
FILES: Final = {
    Engine.CELERY: ROOT / "deploy" / "compose" / "dagster.yaml",
    Engine.KUBERNETES: ROOT / "deploy" / "kubernetes" / "base" / "dagster.yaml",
}
_HEAD: Final = "# Made by tools/instance_files.py from dagster.yaml in the root: change that one.\n"


class _Plain(yaml.SafeDumper):
    """Without anchors, which people read badly."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def content(engine: Engine) -> str:
    """The file for an engine."""
    base = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    made = yaml.dump(instance_config(base, engine, {}), Dumper=_Plain, sort_keys=False)
    return _HEAD + str(made)


if __name__ == "__main__":
    for engine, path in FILES.items():
        path.write_text(content(engine))
        print(path.relative_to(ROOT))
