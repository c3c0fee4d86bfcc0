"""A decoder for tests that takes its process down, installed as other packages install theirs."""

from __future__ import annotations

from pathlib import Path
from typing import Final

MAGIC: Final = b"CRASHING 1\n"
NAME: Final = "crashing"
_CODE: Final = f'''
"""Reads a recording by dereferencing a null pointer."""

import ctypes


class Crashing:
    name, version = "{NAME}", "1.0"

    def recognises(self, head):
        return head.startswith({MAGIC!r})

    def decode(self, path):
        ctypes.string_at(0)
        yield None
'''


def install(folder: Path) -> None:
    """Put module and metadata into a folder that is to be on PYTHONPATH."""
    metadata = folder / "crashing-1.0.dist-info"
    metadata.mkdir(parents=True)
    (folder / "crashing.py").write_text(_CODE)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: crashing\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[argus.decoders]\n{NAME} = crashing:Crashing\n")
