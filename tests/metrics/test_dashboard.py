"""The example dashboard asks for metrics that there are."""

from __future__ import annotations

import json
import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_every_metric_of_the_dashboard_is_documented() -> None:
    dashboard = json.loads((DOCS / "grafana-dashboard.json").read_text())
    asked = " ".join(t["expr"] for panel in dashboard["panels"] for t in panel["targets"])
    names = {name.removesuffix("_bucket") for name in re.findall(r"argus_\w+", asked)}
    documented = set(re.findall(r"`(argus_\w+)", (DOCS / "metrics.md").read_text()))
    assert names <= documented
    assert len(names) > 8
