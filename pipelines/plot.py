# SPDX-License-Identifier: GPL-2.0-or-later
"""Draws what the ready queries answer: `plot.py OUT PICTURE.png`; `docs.py` makes the picture in the docs."""

import sys
from pathlib import Path

import duckdb
import matplotlib

QUERIES = Path(__file__).resolve().parent / "queries"


def answer(connection: "duckdb.DuckDBPyConnection", name: str) -> list[dict[str, object]]:
    """A query's rows."""
    result = connection.execute((QUERIES / f"{name}.sql").read_text())
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def main(out: str, picture: str) -> None:
    """Response times by operation on the left, sessions on the right."""
    matplotlib.use("agg")
    from matplotlib import pyplot

    connection = duckdb.connect()
    connection.execute("SET VARIABLE out = ?", [out])
    for name in ("tables.duckdb", "newest"):
        connection.execute((QUERIES / f"{name}.sql").read_text())
    pyplot.rcParams.update(
        {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "wechat"}
    )
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    times: dict[str, dict[str, object]] = {}
    for row in answer(connection, "response_times"):  # by day; here the last day of each operation
        times[str(row["name"] or row["operation"])] = row
    names = sorted(times, key=lambda name: float(str(times[name]["median"])))
    for place, (column, colour) in enumerate((("p99", "#c6dbef"), ("p90", "#6baed6"), ("median", "#08519c"))):
        values = [1000 * float(str(times[name][column])) for name in names]
        left.barh(names, values, color=colour, label=column, height=0.7, zorder=place)
    left.set(xlabel="milliseconds", title="Response times (response_times.sql)")
    left.legend(frameon=False)
    sessions = answer(connection, "sessions")
    names = [f"{row['flow']}\nover {row['carrier']}" for row in sessions]
    begun = [0.0] * len(sessions)
    for column, colour in (("opened", "#238b45"), ("partly", "#a1d99b"), ("closed", "#bdbdbd")):
        values = [float(str(row[column])) for row in sessions]
        right.bar(names, values, bottom=begun, color=colour, label=column)
        begun = [one + more for one, more in zip(begun, values, strict=True)]
    right.set(ylabel="sessions", title="Sessions that keys have opened (sessions.sql)")
    right.legend(frameon=False)
    figure.savefig(picture, dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: plot.py OUT PICTURE.png")
    if not any(Path(sys.argv[1]).glob("wave=*")):
        sys.exit(f"plot.py: {sys.argv[1]} has no tables of wechat-frames")
    main(*sys.argv[1:])
