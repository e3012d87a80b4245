# SPDX-License-Identifier: GPL-2.0-or-later
"""The ready queries say what the rows say."""

import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import REPOSITORY, Rows, frames, read
from queries import NAMES, on_duckdb


@pytest.fixture(scope="module")
def out(originals: Path) -> Iterator[Path]:
    """All captures in two passes, keys at hand; one has been read before, when it was shorter."""
    made = Path(tempfile.mkdtemp(prefix="wechat-queries-"))
    made.chmod(0o755)
    grown = made / "grown.pcap"
    grown.write_bytes((originals / "exchanges.pcap").read_bytes()[:20000])
    log = made / "keys"
    shutil.copyfile(originals / "phone.keys", log)
    log.chmod(0o644)
    gone = made / "gone.pcap"
    shutil.copyfile(originals / "sample.pcap", gone)
    frames(made / "out", "-2", grown, gone)
    gone.unlink()
    frames(made / "out", gone)
    shutil.copyfile(originals / "exchanges.pcap", grown)
    (made / "broken.pcap").write_bytes(b"no capture")
    some = [originals / "sample.pcap", originals / "phone.pcap", originals / "web.pcap", grown, made / "broken.pcap"]
    frames(made / "out", "-2", *some, "-o", f"mmtls.keylog_file:{log}")
    yield made / "out"
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def rows(out: Path) -> Rows:
    """The rows that hold: of the capture that has grown, the newer; of the one that is gone, those it had."""
    found = read(out)
    grown = [row for row in found["captures"] if row["capture"].endswith("grown.pcap")]
    assert len(grown) == 2
    old = min(grown, key=lambda row: row["size"])["input"]
    nowhere = {row["input"] for row in found["captures"] if row["size"] < 0}
    assert len(nowhere) == 1
    return {dataset: [row for row in some if row["input"] not in {old, *nowhere}] for dataset, some in found.items()}


def test_captures(out: Path, rows: Rows) -> None:
    answer = on_duckdb(out, "captures")
    assert [(row[0], row[2]) for row in answer] == [("ok", 5), ("failed", 1)]
    assert answer[0][3] == len(rows["frames"])


def test_response_times(out: Path, rows: Rows) -> None:
    answer = on_duckdb(out, "response_times")
    assert len(answer) > 5
    for day, operation, _, count, median, p90, p99 in answer:
        times = [
            float(row["response_time"])
            for row in rows["frames"]
            if row["response_time"] is not None and (row["date"], row["base_operation"]) == (str(day), operation)
        ]
        assert count == len(times)
        assert median == pytest.approx(statistics.median(times))
        assert min(times) <= median <= p90 <= p99 <= max(times)
    assert sum(row[3] for row in answer) == sum(row["response_time"] is not None for row in rows["frames"])


def test_unanswered(out: Path, rows: Rows) -> None:
    asked = [row for row in rows["frames"] if row["unanswered"] is not None]
    count, silent = Counter[tuple[str, int]](), Counter[tuple[str, int]]()
    for row in asked:
        count[row["dst"], row["dst_port"]] += 1
        silent[row["dst"], row["dst_port"]] += row["unanswered"]
    answer = on_duckdb(out, "unanswered")
    assert {row[:2]: row[2:] for row in answer} == {server: (count[server], silent[server]) for server in count}
    assert sum(row[3] for row in answer) >= 12


def test_heartbeats(out: Path, rows: Rows) -> None:
    apart: dict[str, list[float]] = {}
    last: dict[tuple[str, int], Any] = {}
    for row in sorted(rows["frames"], key=lambda row: (row["input"], row["stream"], row["time"], row["frame"])):
        if row["kind"] == "heartbeat request":
            link = (row["input"], row["stream"])
            if link in last:
                apart.setdefault(row["dst"], []).append(float(row["time"] - last[link]))
            last[link] = row["time"]
    answer = on_duckdb(out, "heartbeats")
    assert answer and [row[0] for row in answer] == sorted(apart)
    for server, count, shortest, median, longest in answer:
        assert count == len(apart[server])
        assert (shortest, median, longest) == pytest.approx(
            (min(apart[server]), statistics.median(apart[server]), max(apart[server]))
        )


def test_deliveries(out: Path, rows: Rows) -> None:
    counted = Counter((row["date"], row["delivery"]) for row in rows["frames"] if row["delivery"])
    answer = on_duckdb(out, "deliveries")
    assert {(str(day), delivery): frames for day, delivery, frames, _ in answer} == counted
    assert {delivery for _, delivery in counted} == {"push", "notice and sync"}


def test_sessions(out: Path, rows: Rows) -> None:
    answer = on_duckdb(out, "sessions")
    assert sum(row[2] for row in answer) == len(rows["sessions"])
    assert sum(row[3] + row[4] for row in answer) == sum(row["opened"] > 0 for row in rows["sessions"]) > 0
    assert sum(row[5] for row in answer) == sum(row["opened"] == 0 for row in rows["sessions"])


def test_each_query_answers_and_is_in_the_docs(out: Path) -> None:
    page = (REPOSITORY / "docs/pipelines.md").read_text()
    for name in NAMES:
        assert on_duckdb(out, name), name
        assert f"{name}.sql" in page
    # A folder of which no capture has any rows answers, too.
    empty = out.parent / "empty"
    frames(empty, out.parent / "broken.pcap")
    assert [row[0] for row in on_duckdb(empty, "captures")] == ["failed"]
    assert on_duckdb(empty, "sessions") == []


def test_the_plot_is_made_from_the_queries(out: Path) -> None:
    picture = out.parent / "plot.png"
    plot = REPOSITORY / "pipelines/plot.py"
    subprocess.run([sys.executable, plot, out, picture], check=True)
    assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size > 10_000
