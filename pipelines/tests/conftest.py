# SPDX-License-Identifier: GPL-2.0-or-later
"""What all tests share: generated captures, the staged plugin, and runs of the command."""

import contextlib
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from wechat_frames.schema import COMMANDS, TABLES

REPOSITORY = Path(__file__).resolve().parents[2]


def told(name: str) -> Path:
    """A path that `cargo xtask` tells."""
    value = os.environ.get(name)
    if not value or not Path(value).exists():
        pytest.exit(f"{name} names nothing that is there: these tests are run by `cargo xtask pipelines`", 2)
    return Path(value)


HOME = told("WECHAT_PLUGIN_HOME")
GENERATOR = told("WECHAT_TRAFFIC")

Rows = dict[str, list[dict[str, Any]]]


def generate(*words: object) -> None:
    """Run the traffic generator."""
    subprocess.run([GENERATOR, *map(str, words)], check=True, stdout=subprocess.DEVNULL)


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder that another user may enter, for whom tshark runs."""
    path = Path(tempfile.mkdtemp(prefix="wechat-frames-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def originals() -> Iterator[Path]:
    """One capture of each kind: long link, MMTLS, web client, short link."""
    path = Path(tempfile.mkdtemp(prefix="wechat-originals-"))
    path.chmod(0o755)
    generate("sample", path / "sample.pcap")
    generate("exchanges", path / "exchanges.pcap")
    generate("mmtls", "phone", path / "phone.pcap", "--keylog", path / "phone.keys")
    generate("web", "session", path / "web.pcap")
    parts = [path / name for name in ("web.pcap", "exchanges.pcap", "phone.pcap")]
    subprocess.run(["mergecap", "-F", "pcap", "-w", path / "mixed.pcap", *parts], check=True)
    yield path
    shutil.rmtree(path)


def command(*words: object, home: Path | None = HOME) -> list[str]:
    plugin = ["--plugin", str(home)] if home else []
    return [sys.executable, "-m", "wechat_frames", *plugin, *map(os.fsdecode, map(_word, words))]


def _word(word: object) -> str | bytes:
    return word if isinstance(word, bytes) else str(word)


def frames(*words: object, home: Path | None = HOME, status: int = 0, timeout: float = 300) -> str:
    """Run the command to its end and return what it said."""
    ended = subprocess.run(command(*words, home=home), capture_output=True, timeout=timeout, check=False)
    said = ended.stderr.decode(errors="replace")
    assert ended.returncode == status, said
    assert "Traceback" not in said, said
    return said


def read(out: Path) -> Rows:
    """All visible rows, by dataset, without what differs between runs."""
    rows: Rows = {dataset: [] for dataset in TABLES}
    for dataset, schema in TABLES.items():
        for file in sorted(out.glob(f"wave=*/dataset={dataset}/date=*/*.parquet")):
            table = pq.ParquetFile(file).read()
            assert table.schema.remove_metadata().equals(schema), f"{table.schema}\n{schema}"
            date = file.parent.name.removeprefix("date=")
            rows[dataset] += [{**row, "date": date} for row in table.to_pylist()]
    return rows


_OF_THE_RUN = ("started", "seconds")


def comparable(rows: Rows, *without: str) -> dict[str, Counter[str]]:
    """Rows as a multiset of texts."""
    left_out = {*_OF_THE_RUN, *without}
    return {
        dataset: Counter(repr(sorted((k, v) for k, v in row.items() if k not in left_out)) for row in some)
        for dataset, some in rows.items()
    }


def statuses(rows: Rows) -> dict[str, str]:
    """Status by the capture's name."""
    return {Path(row["capture"]).name: row["status"] for row in rows["captures"]}


def assert_whole(rows: Rows) -> None:
    """Each row's capture is there, once, and says how many there are."""
    inputs = Counter(row["input"] for row in rows["captures"])
    assert not inputs or max(inputs.values()) == 1, "an input twice"
    for dataset in COMMANDS:
        counted = Counter(row["input"] for row in rows[dataset])
        assert counted == Counter({row["input"]: row[dataset] for row in rows["captures"] if row[dataset]}), dataset


PACKET = struct.Struct("<IIII")
HEADER = 24


def packets(capture: Path) -> tuple[bytes, list[tuple[int, int, bytes]]]:
    """A pcap's header, and its packets: seconds, fraction, bytes."""
    data = capture.read_bytes()
    found, at = [], HEADER
    while at < len(data):
        seconds, fraction, length, _ = PACKET.unpack_from(data, at)
        at += PACKET.size + length
        found.append((seconds, fraction, data[at - length : at]))
    return data[:HEADER], found


def write_pcap(capture: Path, header: bytes, some: list[tuple[int, int, bytes]]) -> None:
    with capture.open("wb") as file:
        file.write(header)
        for seconds, fraction, packet in some:
            file.write(PACKET.pack(seconds, fraction, len(packet), len(packet)) + packet)


FAKE = """#!{python}
# Stands before tshark and does what a capture's header asks for in its field of the time zone.
import os, signal, struct, sys, time
try:
    asked = struct.unpack_from("<i", os.pread(0, 24, 0), 8)[0] if "-z" in sys.argv else 0
except (OSError, struct.error):
    asked = 0
if asked in (9, 11):
    print("frame\\tpart of a line", flush=True)
    signal.signal(asked, signal.SIG_DFL) if asked != 9 else None
    os.kill(os.getpid(), asked)
elif asked == 77:
    time.sleep(1000)
elif asked == 78:
    held = []
    try:
        while True:
            held.append(bytearray(64 << 20))
    except MemoryError:
        os.abort()
os.execvp("tshark", ["tshark", *sys.argv[1:]])
"""


@pytest.fixture
def fake(folder: Path) -> Path:
    """A tshark that is killed, hangs or takes all memory if a capture asks for it (`asking`)."""
    program = folder / "tools" / "faketshark"
    program.parent.mkdir()
    program.write_text(FAKE.format(python="/usr/bin/env python3"))
    program.chmod(0o755)
    return program


def asking(original: Path, capture: Path, wish: int) -> None:
    data = bytearray(original.read_bytes())
    struct.pack_into("<i", data, 8, wish)
    capture.write_bytes(data)


def break_in_ten_ways(originals: Path, captures: Path) -> dict[str, str]:
    """Ten captures that are broken, each in its way, and the status that each is to have."""
    sample = (originals / "sample.pcap").read_bytes()
    (captures / "01-empty.pcap").write_bytes(b"")
    (captures / "02-junk.pcap").write_bytes(bytes(range(256)) * 8)
    (captures / "03-cut.pcap").write_bytes(sample[:5000])
    (captures / "04-header-only-half.pcap").write_bytes(sample[:12])
    (captures / "05-garbled.pcap").write_bytes(sample[:5000] + b"\xff" * 4000)
    (captures / "06-gone.pcap").symlink_to(captures / "nowhere")
    for wish, name in (
        (9, "07-killed.pcap"),
        (11, "08-crashing.pcap"),
        (77, "09-hanging.pcap"),
        (78, "10-greedy.pcap"),
    ):
        asking(originals / "sample.pcap", captures / name, wish)
    return {
        "01-empty.pcap": "failed",
        "02-junk.pcap": "failed",
        "03-cut.pcap": "damaged",
        "04-header-only-half.pcap": "failed",
        "05-garbled.pcap": "damaged",
        "06-gone.pcap": "failed",
        "07-killed.pcap": "killed",
        "08-crashing.pcap": "killed",
        "09-hanging.pcap": "late",
        "10-greedy.pcap": "killed",
    }


def processes_with(text: bytes, file: str = "environ") -> list[int]:
    """Processes whose environment or command line has a text."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (
                    text in (entry / file).read_bytes()
                    and (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
                ):
                    found.append(int(entry.name))
            except OSError:
                pass
    return found


def wait_until(true: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
