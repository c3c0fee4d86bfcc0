from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


# What an extension type cannot be otherwise: its metaclass, a constructor that takes nothing.
ALLOWED = r"""
argus_native\.[A-Z][A-Za-z]*
argus_native\.(Batch|CatalogueEntry|Scan)\.__init__
argus_native\.detect
"""


def test_the_stub_says_what_the_module_has(tmp_path: Path) -> None:
    allowed = tmp_path / "allowed"
    allowed.write_text(ALLOWED)
    checked = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "argus_native", "--allowlist", allowed],
        cwd=tmp_path,
        env={"MYPYPATH": str(ROOT / "native_parser" / "python"), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
