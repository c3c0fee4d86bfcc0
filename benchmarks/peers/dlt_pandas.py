"""What people write today for a batch of DLT recordings: dlt-convert, pandas, matplotlib.

python dlt_pandas.py OUT FILE…  writes messages.csv, four tables and two pictures into OUT
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd

COLUMNS = ["time", "uptime", "counter", "ecu", "app", "context", "type", "subtype", "text"]
CODE = r"\b([PBCU][0-3][0-9A-F]{3}|0x[0-9A-Fa-f]{4,8}|E\d{3})\b"


def read(path: str) -> pd.DataFrame:
    lines = subprocess.run(
        ["dlt-convert", "-a", path], capture_output=True, check=True
    ).stdout.decode("utf-8", "replace")
    rows = []
    for line in lines.splitlines():
        # number, date, time, uptime, counter, ecu, app, context, type, subtype, mode, args, text
        part = line.split(None, 12)
        # The rest of a text of several lines has no number in front.
        if len(part) < 13 or not part[0].isdigit():
            continue
        date, time, uptime, counter, *names = part[1:10]
        rows.append((f"{date} {time}", int(uptime), int(counter), *names, part[12].strip("[] ")))
    frame = pd.DataFrame(rows, columns=COLUMNS)
    frame["time"] = pd.to_datetime(frame["time"], format="%Y/%m/%d %H:%M:%S.%f")
    for name in ("ecu", "app", "context", "type", "subtype"):
        frame[name] = frame[name].astype("category")
    frame["file"] = Path(path).name
    return frame


def main() -> None:
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    frame = pd.concat([read(path) for path in sys.argv[2:]], ignore_index=True)
    frame.to_csv(out / "messages.csv", index=False)
    logs = frame[frame["type"] == "log"]
    sources = ["ecu", "app", "context", "subtype"]
    frame.astype(dict.fromkeys(sources, str)).groupby(sources).size().to_csv(out / "sources.csv")
    minutes = logs.groupby([pd.Grouper(key="time", freq="1min"), "subtype"], observed=True).size()
    minutes.to_csv(out / "minutes.csv")
    bad = logs[logs["subtype"].isin(["fatal", "error", "warn"])]
    bad[["time", "file", "ecu", "subtype", "text"]].tail(1000).to_csv(out / "critical.csv")
    codes = logs["text"].str.extract(CODE, expand=False).dropna()
    found = codes.to_frame("code").join(logs[["time", "ecu"]])
    table = found.groupby("code").agg(
        messages=("time", "size"), first=("time", "min"), last=("time", "max")
    )
    table.sort_values("messages", ascending=False).to_csv(out / "codes.csv")

    minutes.unstack(fill_value=0).plot.area(figsize=(12, 5), title="Messages by severity")
    plt.savefig(out / "severity.png", dpi=120)
    plt.figure()
    top = table["messages"].sort_values().tail(15)
    if not top.empty:
        top.plot.barh(figsize=(10, 6), title="Top codes")
        plt.savefig(out / "codes.png", dpi=120)
    print(len(frame))


if __name__ == "__main__":
    main()
