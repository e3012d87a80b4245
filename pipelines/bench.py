# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures what the pipeline costs beside bare tshark, in ratios of one run: `cargo xtask pipelines -- bench`.

CPU is that of all processes that a command starts, user and system together, also of those that outlive their parents.
"""

import argparse
import ctypes
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyspark

import wechat_frames
from wechat_frames import rows, store, tool
from wechat_frames.inputs import Input
from wechat_frames.schema import COMMANDS
from wechat_frames.tool import NOBODY

HOME = Path(os.environ["WECHAT_PLUGIN_HOME"])
GENERATOR = os.environ["WECHAT_TRAFFIC"]
SETTINGS = tool.Settings(plugin=str(HOME))
USER = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--"] if os.geteuid() == 0 else []
TSHARK = [*USER, "tshark", "-n", "-q", *(word for command in COMMANDS.values() for word in ("-z", command))]
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Cost:
    """Seconds."""

    cpu: float
    wall: float


def environment(**more: str) -> dict[str, str]:
    """As the pipeline's tshark has it, so that what is compared is the pipeline."""
    return {**tool._environment(SETTINGS), "HOME": str(HOME), **more}


def reap() -> None:
    """Wait for those that were left behind."""
    try:
        while os.waitpid(-1, 0):
            pass
    except ChildProcessError:
        pass


def cost(command: list[object], stdin: Path | None = None, usual: dict[str, str] | None = None, **more: str) -> Cost:
    """What a command costs, with all that it starts."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with open(stdin or "/dev/null", "rb") as source:
        subprocess.run(
            [str(word) for word in command],
            stdin=source,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**(environment() if usual is None else usual), **more},
            check=True,
        )
    wall = time.monotonic() - begun
    reap()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall)


def least(times: int, *commands: Callable[[], Cost]) -> list[Cost]:
    """The least of several runs of each, by turns: what disturbs one disturbs the others, too."""
    runs = [[command() for command in commands] for _ in range(times)]
    return [Cost(min(run.cpu for run in one), min(run.wall for run in one)) for one in zip(*runs, strict=True)]


def generate(capture: Path, count: int, seed: int, connections: int) -> None:
    words = ["bench", capture, "--frames", count, "--seed", seed, "--connections", connections]
    subprocess.run([GENERATOR, *map(str, words)], check=True, stdout=subprocess.DEVNULL)


def pipeline(out: Path, *words: object) -> list[object]:
    return [sys.executable, "-m", "wechat_frames", "--plugin", HOME, out, *words]


def small_captures(folder: Path, count: int, times: int) -> None:
    captures = folder / "captures"
    captures.mkdir()
    for seed in range(count):
        generate(captures / f"{seed}.pcap", 95, seed, 2)
    size = sum(file.stat().st_size for file in captures.iterdir()) / count
    names = folder / "names"
    names.write_bytes(b"\0".join(bytes(file) for file in sorted(captures.iterdir())))

    def bare() -> Cost:
        return cost(["xargs", "-0", "-P2", "-n1", *TSHARK, "-r"], names)

    def pool() -> Cost:
        shutil.rmtree(folder / "out", ignore_errors=True)
        return cost(pipeline(folder / "out", captures, "--processes", 2))

    one, other = least(times, bare, pool)
    print(f"{count} captures of {size / 1000:.0f} kB: xargs -P2 tshark {one.cpu:.1f} s CPU, {one.wall:.1f} s wall;")
    print(f"  pool {other.cpu:.1f} s CPU, {other.wall:.1f} s wall: {other.cpu / one.cpu:.2f} x CPU", flush=True)
    few = folder / "few"
    few.mkdir()
    for seed in range(count // 10):
        os.link(captures / f"{seed}.pcap", few / f"{seed}.pcap")

    def spark(some: Path) -> Callable[[], Cost]:
        def run() -> Cost:
            shutil.rmtree(folder / "spark", ignore_errors=True)
            script = Path(wechat_frames.__file__).with_name("__main__.py")
            submit = [Path(pyspark.__file__).parent / "bin/spark-submit", "--master", "local[2]"]
            submit += ["--conf", "spark.ui.enabled=false"]
            words = [*submit, script, *pipeline(folder / "spark", some)[3:]]
            home = str(Path(pyspark.__file__).parent)
            return cost(words, SPARK_HOME=home, SPARK_LOCAL_IP="127.0.0.1", PYSPARK_PYTHON=sys.executable)

        return run

    short, long = least(times, spark(few), spark(captures))
    # Spark's daemon of Python does not wait for its workers, so that nobody knows their CPU time.
    each = (long.wall - short.wall) / (count - count // 10)
    print(f"Spark, {count // 10} captures: {short.wall:.1f} s wall; all: {long.wall:.1f} s wall;")
    bare_each, pool_each = one.wall / count, other.wall / count
    print(
        f"  each more: {each / bare_each:.2f} x wall of bare tshark, {each / pool_each:.2f} x of the pool", flush=True
    )


def start(folder: Path, times: int) -> None:
    """Ways to start tshark that could be cheaper."""
    capture = folder / "one.pcap"
    generate(capture, 95, 1, 2)
    folder.chmod(0o755)
    empty, lean = folder / "empty", folder / "lean"
    for place in (empty, lean):
        place.mkdir()
    listed = subprocess.run(
        [*USER, "tshark", "-G", "protocols"], env=environment(), capture_output=True, text=True, check=True
    )
    kept = {"frame", "eth", "ip", "ipv6", "tcp", "vlan", "http", "tls", "wechat", "wechat_web", "mmtls", "wechat_short"}
    others = [line.split("\t")[2] for line in listed.stdout.splitlines()]
    (lean / "disabled_protos").write_text("".join(f"{name}\n" for name in others if name not in kept))
    heuristics = subprocess.run(
        [*USER, "tshark", "-G", "heuristic-decodes"], env=environment(), capture_output=True, text=True, check=True
    )
    names = [line.split("\t")[1] for line in heuristics.stdout.splitlines() if line.count("\t") > 1]
    (lean / "heuristic_protos").write_text("".join(f"{name},0\n" for name in names if not name.startswith("wechat")))
    # Only the last of them is what the pipeline does.
    ways: list[tuple[str, list[str], dict[str, str]]] = [
        ("as it is", [], {}),
        ("an empty configuration folder", [], {"WIRESHARK_CONFIG_DIR": str(empty)}),
        ("all protocols but 12 and all heuristics disabled", [], {"WIRESHARK_CONFIG_DIR": str(lean)}),
        ("no further built-in plugins", [], {"WIRESHARK_PLUGIN_DIR": str(empty)}),
        ("one -z in place of four", ["-z", "wechat,frames"], {}),
        ("MALLOC_TOP_PAD_=67108864", [], {"MALLOC_TOP_PAD_": "67108864"}),
        ("symbols bound at the start, LD_BIND_NOW", [], {"LD_BIND_NOW": "1"}),
        ("no address space randomisation, setarch -R", ["setarch", "-R"], {}),
        ("no data folder (names of vendors, dictionaries)", [], {"WIRESHARK_DATA_DIR": str(empty)}),
    ]

    usual = {name: value for name, value in environment().items() if not name.startswith("WIRESHARK_")}

    def run(words: list[str], more: dict[str, str]) -> Callable[[], Cost]:
        tshark = [*USER, *words, *TSHARK[len(USER) :]]
        if words[:1] == ["-z"]:
            tshark = [*USER, "tshark", "-n", "-q", *words]

        def many() -> Cost:
            runs = [cost([*tshark, "-r", "-"], capture, usual, **more) for _ in range(8)]
            return Cost(sum(one.cpu for one in runs) / 8, sum(one.wall for one in runs) / 8)

        return many

    costs = least(times, *(run(words, more) for _, words, more in ways))
    for (name, _, _), one in zip(ways, costs, strict=True):
        print(f"start: {name}: {1000 * one.cpu:.0f} ms CPU, {one.cpu / costs[0].cpu:.2f} x", flush=True)


def behind(folder: Path, times: int) -> None:
    """Rows per CPU second from tshark's lines to Parquet, in this process."""
    capture, text = folder / "rows.pcap", folder / "rows.tsv"
    generate(capture, 500_000, 1, 20)
    with capture.open("rb") as source, text.open("wb") as target:
        subprocess.run([*TSHARK, "-r", "-"], stdin=source, stdout=target, env=environment(), check=True)
    one = Input(bytes(capture), 1, 1)
    best, count = float("inf"), 0
    for _ in range(times + 2):
        begun, count = time.process_time(), 0
        sink = store.Sink(folder / "sink")
        with text.open("rb") as lines:
            for dataset, batch in rows._read(lines):
                sink.add(dataset, rows._with_origin(one, dataset, batch))
                count += batch.num_rows
        sink.close()
        best = min(best, time.process_time() - begun)
        shutil.rmtree(folder / "sink")
    print(f"{count} rows behind tshark: {count / best / 1e6:.2f} M rows per CPU second", flush=True)


def parts(folder: Path, megabytes: int) -> None:
    capture = folder / "large.pcap"
    generate(capture, megabytes * 1000 * 1000 // 565, 1, 64)
    size = capture.stat().st_size
    one = cost([*TSHARK, "-r", "-"], capture)
    half = -(-size // 2 >> 20)
    two = cost(pipeline(folder / "parts", capture, "--split", half, "--processes", 2))
    print(
        f"{size / 1e9:.2f} GB in two parts: {two.wall:.1f} s wall, {two.cpu:.1f} s CPU; "
        f"one tshark {one.wall:.1f} s wall, {one.cpu:.1f} s CPU:"
    )
    print(f"  {two.wall / one.wall:.2f} x wall, {two.cpu / one.cpu:.2f} x CPU", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--captures", type=int, default=300)
    parser.add_argument("--megabytes", type=int, default=2000)
    parser.add_argument("--times", type=int, default=2)
    parser.add_argument("only", nargs="*", metavar="small | start | rows | parts")
    arguments = parser.parse_args()
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before", flush=True)
    measures: dict[str, Callable[[Path], None]] = {
        "small": lambda folder: small_captures(folder, arguments.captures, arguments.times),
        "start": lambda folder: start(folder, arguments.times),
        "rows": lambda folder: behind(folder, arguments.times),
        "parts": lambda folder: parts(folder, arguments.megabytes),
    }
    for name, measure in measures.items():
        if arguments.only and name not in arguments.only:
            continue
        with tempfile.TemporaryDirectory(prefix="wechat-bench-") as folder:
            Path(folder).chmod(0o755)
            measure(Path(folder))


if __name__ == "__main__":
    main()
