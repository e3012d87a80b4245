# SPDX-License-Identifier: GPL-2.0-or-later
"""The command on a real standalone cluster on the loopback device: a master and two workers."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import wechat_frames
from conftest import (
    HOME,
    assert_whole,
    break_in_ten_ways,
    command,
    comparable,
    frames,
    kill,
    processes_with,
    read,
    statuses,
    wait_until,
)
from queries import NAMES, on_duckdb, statements

pytestmark = pytest.mark.cluster

SCRIPT = Path(wechat_frames.__file__).with_name("__main__.py")
PYTHON = Path(sys.executable)
HASH = ("-o", "wechat.hash_key:the same for both engines")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Cluster:
    """A master and two workers of one core each."""

    def __init__(self, folder: Path) -> None:
        import pyspark

        self.folder = folder
        self.home = Path(pyspark.__file__).parent
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("SPARK_", "PYSPARK_"))},
            "PATH": f"{PYTHON.parent}{os.pathsep}{os.environ['PATH']}",
            "SPARK_HOME": str(self.home),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_LOCAL_DIRS": str(folder / "local"),
            "PYSPARK_PYTHON": str(PYTHON),
            # Short runs start in half the time.
            "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1",
            "TMPDIR": str(folder / "tmp"),
        }
        for name in ("local", "tmp", "work"):
            (folder / name).mkdir()
        self.running: list[subprocess.Popen[bytes]] = []
        self.master = f"spark://127.0.0.1:{free_port()}"
        port = self.master.rpartition(":")[2]
        self._start("master", "deploy.master.Master", "--host", "127.0.0.1", "--port", port, "--webui-port", "0")
        wait_until(lambda: "Starting Spark master" in self.log("master"), 90)
        for number in (1, 2):
            place = ("--webui-port", "0", "--work-dir", str(folder / "work"), self.master)
            self._start(f"worker{number}", "deploy.worker.Worker", "--host", "127.0.0.1", "-c", "1", "-m", "1g", *place)
        wait_until(lambda: self.log("master").count("Registering worker") == 2, 90)

    def _start(self, name: str, kind: str, *words: str) -> None:
        self.running.append(
            subprocess.Popen(
                [self.home / "bin" / "spark-class", f"org.apache.spark.{kind}", *words],
                env=self.environment,
                stdout=subprocess.DEVNULL,
                stderr=(self.folder / f"{name}.log").open("wb"),
                start_new_session=True,
            )
        )

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def stop(self) -> None:
        for one in self.running:
            os.killpg(one.pid, signal.SIGKILL)
            one.wait()

    def start(
        self, *words: object, plugin: Path | str = HOME, options: tuple[str, ...] = ()
    ) -> "subprocess.Popen[bytes]":
        """Begin a run, in a session of its own."""
        submit = [
            self.home / "bin" / "spark-submit",
            *("--master", self.master, "--executor-memory", "512m", "--driver-memory", "512m"),
            *("--conf", "spark.ui.enabled=false", "--conf", "spark.log.level=WARN"),
            *("--conf", "spark.sql.shuffle.partitions=2"),
            *options,
            SCRIPT,
            *command(*words, "--plugin", plugin, home=None)[3:],
        ]
        # spark-submit hands on what the driver says to its own output.
        return subprocess.Popen(
            [str(word) for word in submit],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def run(
        self,
        *words: object,
        status: int = 0,
        plugin: Path | str = HOME,
        options: tuple[str, ...] = (),
        timeout: float = 300,
    ) -> str:
        """A run to its end, and what it said."""
        run = self.start(*words, plugin=plugin, options=options)
        try:
            said, _ = run.communicate(timeout=timeout)
        finally:
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)
        text = said.decode(errors="replace")
        assert run.returncode == status, text
        return text


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="wechat-cluster-"))
    cluster = Cluster(folder)
    yield cluster
    cluster.stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def captures(originals: Path) -> Iterator[Path]:
    """A folder with names of all kinds."""
    made = Path(tempfile.mkdtemp(prefix="wechat-captures-"))
    made.chmod(0o755)
    for number, name in enumerate(("sample", "exchanges", "phone", "web", "mixed")):
        for copy in (b"%d plain.pcap", b"%d line\nend.pcap", b"%d no-\xff-utf8.pcap"):
            shutil.copyfile(originals / f"{name}.pcap", os.fsdecode(bytes(made) + b"/" + copy % number))
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def on_the_pool(captures: Path) -> Iterator[Path]:
    out = Path(tempfile.mkdtemp(prefix="wechat-pool-"))
    frames(out, captures, "-2", *HASH)
    yield out
    shutil.rmtree(out)


def test_both_engines_make_the_same_rows_of_broken_captures(
    cluster: Cluster, folder: Path, captures: Path, originals: Path, fake: Path
) -> None:
    broken = folder / "broken"
    broken.mkdir()
    expected = break_in_ten_ways(originals, broken)
    some = ("--tshark", fake, "--limit", 8, "--memory", 800, *HASH)
    said = cluster.run(folder / "spark", broken, captures, broken / "01-empty.pcap", *some)
    frames(folder / "pool", broken, captures, *some)
    rows = read(folder / "spark")
    assert_whole(rows)
    assert comparable(rows) == comparable(read(folder / "pool"))
    assert "25 inputs: 15 ok" in said
    found = {Path(row["capture"]).name: row["status"] for row in rows["captures"]}
    assert found.items() >= expected.items()
    assert not (folder / "spark" / "_staging").exists()
    # Each engine goes on where the other stopped.
    again = cluster.run(folder / "pool", broken, captures, "--again", *some)
    assert "8 inputs, 17 read before: 4 failed, 3 killed, 1 late" in again
    assert "25 read before: nothing to do" in frames(folder / "spark", broken, captures, *some)


def waves(out: Path) -> int:
    return len(list(out.glob("wave=*")))


def test_a_killed_driver_leaves_whole_captures(
    cluster: Cluster, folder: Path, captures: Path, on_the_pool: Path
) -> None:
    out = folder / "out ü"
    run = cluster.start(out, captures, "-2", "--wave", 5, *HASH)
    # In the second wave, then at the moment at which one becomes visible.
    wait_until(lambda: waves(out) == 1 and (out / "_staging").exists(), 120)
    time.sleep(1)
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    rows = read(out)
    assert_whole(rows)
    assert 5 <= len(rows["captures"]) < 15
    run = cluster.start(out, captures, "-2", "--wave", 5, *HASH)
    before = waves(out)
    wait_until(lambda: waves(out) > before, 120)
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    assert_whole(read(out))
    cluster.run(out, captures, "-2", *HASH)
    assert comparable(read(out)) == comparable(read(on_the_pool))


def test_a_killed_executor_costs_nothing_but_time(
    cluster: Cluster, folder: Path, captures: Path, on_the_pool: Path
) -> None:
    bundle = folder / "wechat.tar.gz"
    subprocess.run([PYTHON, "-m", "wechat_frames", "bundle", bundle, "--plugin", HOME], check=True)
    out = folder / "out"
    options = ("--archives", f"{bundle}#wechat")
    run = cluster.start(out, captures, "-2", *HASH, plugin="wechat", options=options)
    # Once both have begun to read.
    of_ours = f"TMPDIR={cluster.folder}".encode()
    reading = b"\0-2\0-r\0/dev/stdin"
    wait_until(lambda: len(set(processes_with(reading, "cmdline")) & set(processes_with(of_ours))) > 1, 120)
    executors = set(processes_with(b"CoarseGrainedExecutorBackend", "cmdline")) & set(processes_with(of_ours))
    assert len(executors) == 2
    kill(executors.pop())
    said, _ = run.communicate(timeout=300)
    assert run.returncode == 0, said.decode(errors="replace")
    rows = read(out)
    assert_whole(rows)
    assert comparable(rows) == comparable(read(on_the_pool))


def test_a_missing_plugin_fails_the_job_with_tsharks_words(cluster: Cluster, folder: Path, captures: Path) -> None:
    said = cluster.run(
        folder / "out", captures, plugin=folder, status=1, options=("--conf", "spark.task.maxFailures=1")
    )
    (ours,) = re.findall(r"^wechat-frames: .*$", said, re.MULTILINE)
    assert 'has no WeChat plugin: tshark: Invalid -z argument "wechat,frames"' in ours
    assert not list((folder / "out").glob("wave=*"))


def test_spark_answers_the_queries_as_duckdb_does(on_the_pool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    from pyspark.sql import SparkSession

    builder: Any = SparkSession.builder
    builder = builder.master("local[1]").config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", "1")
    spark = builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()
    try:
        for statement in [*statements("tables.spark"), *statements("newest")]:
            spark.sql(statement.replace("OUT", str(on_the_pool)))
        for name in NAMES:
            (statement,) = statements(name)
            answer = [tuple(row) for row in spark.sql(statement).collect()]
            expected = on_duckdb(on_the_pool, name)
            assert len(answer) == len(expected) > 0, name
            for ours, theirs in zip(answer, expected, strict=True):
                for one, other in zip(ours, theirs, strict=True):
                    assert one == (pytest.approx(other) if isinstance(other, float) else other), name
    finally:
        spark.stop()


@pytest.mark.long
def test_a_thousand_captures_become_tables_on_both(
    cluster: Cluster, folder: Path, originals: Path, fake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    captures = folder / "thousand"
    captures.mkdir()
    expected = break_in_ten_ways(originals, captures)
    for number in range(990):
        shutil.copyfile(
            originals / f"{('sample', 'exchanges', 'phone', 'web')[number % 4]}.pcap", captures / f"{number}.pcap"
        )
    some = (captures, "-2", "--tshark", fake, "--limit", 20, "--memory", 1500, "--wave", 250, *HASH)
    run = subprocess.Popen(command(folder / "pool", *some), stderr=subprocess.PIPE)
    wait_until(lambda: waves(folder / "pool") == 2, 600)
    run.kill()
    run.communicate()
    assert_whole(read(folder / "pool"))
    said = frames(folder / "pool", *some, timeout=1800)
    on_spark = cluster.start(folder / "spark", *some)
    wait_until(lambda: waves(folder / "spark") == 2, 900)
    os.killpg(on_spark.pid, signal.SIGKILL)
    on_spark.communicate()
    assert_whole(read(folder / "spark"))
    said_too = cluster.run(folder / "spark", *some, timeout=1800)
    pool, spark = read(folder / "pool"), read(folder / "spark")
    assert_whole(pool)
    assert comparable(pool) == comparable(spark)
    found = statuses(pool)
    assert len(pool["captures"]) == len(found) == 1000
    assert found == {**{path.name: "ok" for path in captures.iterdir()}, **expected}
    answers = {name: on_duckdb(folder / "pool", name) for name in NAMES}
    assert all(answers.values())
    with capsys.disabled():
        ends = [line for text in (said, said_too) for line in text.splitlines() if "read before" in line]
        print("\n" + "\n".join(ends))
        print({dataset: len(rows) for dataset, rows in pool.items()})
