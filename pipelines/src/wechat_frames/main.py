# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line."""

import argparse
import multiprocessing
import os
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from typing import Protocol

from . import __version__
from .inputs import Input, Refused, discover, is_remote
from .store import Store, finished
from .tool import Settings

_ABOUT = """\
Captures in, Parquet out: a row for each frame, call and session, and one for each capture, also for one that failed.

  wechat-frames OUT CAPTURE_OR_FOLDER...                          on processes of this machine
  spark-submit [--master URL] .../wechat_frames/__main__.py OUT CAPTURE_OR_FOLDER...    on a cluster
  wechat-frames bundle ARCHIVE.tar.gz                             plugin and tshark, for a cluster
"""


class Engine(Protocol):
    """What runs a wave."""

    def run(self, wave: Sequence[Input], done: Callable[[int], None]) -> Counter[str]:
        """How many inputs ended how, all of them committed; `done` is told how many were read since."""


class Progress:
    """A bar on a terminal, a line for each wave elsewhere."""

    _WIDTH = 30

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._begun = time.monotonic()
        self._bar = sys.stderr.isatty()

    def done(self, count: int) -> None:
        """So many more inputs were read."""
        self._done += count
        if self._bar:
            filled = self._WIDTH * self._done // max(1, self._total)
            bar = "#" * filled + "." * (self._WIDTH - filled)
            print(
                f"\r[{bar}] {self._done} of {self._total}, {self._seconds():.0f} s ",
                end="",
                file=sys.stderr,
                flush=True,
            )

    def wave(self, number: int, waves: int, statuses: Counter[str]) -> None:
        """A wave is committed."""
        if not self._bar:
            print(
                f"wave {number} of {waves}: {self._done} of {self._total} inputs, {in_words(statuses)}, "
                f"{self._seconds():.1f} s",
                file=sys.stderr,
                flush=True,
            )

    def end(self, statuses: Counter[str], skipped: int) -> None:
        """All is committed."""
        if self._bar and self._total:
            print(file=sys.stderr)
        before = f", {skipped} read before" if skipped else ""
        print(f"{self._done} inputs{before}: {in_words(statuses)}; {self._seconds():.1f} s", file=sys.stderr)

    def _seconds(self) -> float:
        return time.monotonic() - self._begun


def in_words(statuses: Counter[str]) -> str:
    return ", ".join(f"{count} {status}" for status, count in statuses.most_common()) or "nothing to do"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "wechat-frames", description=_ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    settings = Settings()
    parser.add_argument("out", metavar="OUT", help="folder of the tables; what it has is not read again")
    parser.add_argument("inputs", metavar="CAPTURE_OR_FOLDER", nargs="+", help="a local path or a URI, hdfs://… say")
    parser.add_argument("--again", action="store_true", help="also what failed, was killed or was late before")
    parser.add_argument("-2", dest="two_passes", action="store_true", help="two passes: columns that lie ahead, too")
    parser.add_argument("-o", dest="preferences", metavar="NAME:VALUE", action="append", default=[], help="as tshark's")
    parser.add_argument("--plugin", metavar="FOLDER", help="HOME that has the plugin, or its name in --archives")
    parser.add_argument("--tshark", metavar="PROGRAM", help="another tshark")
    for name, kind, default, text in (
        ("limit", float, settings.limit, "seconds for one tshark"),
        ("memory", int, settings.memory, "MiB of address space for one tshark"),
        ("spool", int, settings.spool, "MiB of a capture that is copied to local disk"),
        ("split", int, 1024, "MiB, above which a capture is dealt into parts by connection"),
        ("wave", int, 2000, "inputs that are committed together"),
        ("processes", int, len(os.sched_getaffinity(0)), "processes, without Spark"),
    ):
        parser.add_argument(
            f"--{name}", type=_above_zero(kind), default=default, metavar="N", help=f"{text} ({default:g})"
        )
    parser.add_argument("--version", action="version", version=__version__)
    return parser


def _above_zero(kind: Callable[[str], float]) -> Callable[[str], float]:
    def parse(text: str) -> float:
        number = kind(text)
        if not number > 0:
            raise argparse.ArgumentTypeError("must be above zero")
        return number

    parse.__name__ = kind.__name__  # argparse says what it wanted
    return parse


def run(arguments: argparse.Namespace) -> None:
    """Reads what is not read yet, wave by wave."""
    settings = Settings(
        tshark=arguments.tshark,
        plugin=arguments.plugin,
        preferences=tuple(arguments.preferences),
        two_passes=arguments.two_passes,
        memory=arguments.memory,
        limit=arguments.limit,
        spool=arguments.spool,
    )
    # Set by spark-submit for the program that it starts.
    on_spark = "PYSPARK_GATEWAY_PORT" in os.environ
    local = not is_remote(os.fsencode(arguments.out))
    if not (on_spark or local):
        raise Refused(f"{arguments.out} is no local folder: only Spark writes there")
    if not all((arguments.out, *arguments.inputs)):
        raise Refused("a name is empty")
    if re.search("[\ud800-\udfff]", os.path.abspath(arguments.out)):
        raise Refused("OUT has bytes that are no UTF-8, which Arrow does not write to")
    if found := re.search(r"[][{}*?\\]", os.path.abspath(arguments.out)):
        raise Refused(f"{arguments.out} cannot be OUT: readers of tables take {found[0]} for a pattern of names")
    store = Store(arguments.out)
    with store.locked() if local else nullcontext():
        engine: Engine
        tried: Iterable[tuple[str, str]]
        if on_spark:
            from .spark import Spark

            engine = spark = Spark(arguments.out, settings)
            tried = spark.tried()
        else:
            from .pool import Pool

            engine = Pool(store, settings, arguments.processes)
            tried = store.tried()
        inputs = discover(arguments.inputs, arguments.split << 20)
        done = finished(tried, again=arguments.again)
        left = [one for one in inputs if one.identity not in done]
        waves = [left[begin : begin + arguments.wave] for begin in range(0, len(left), arguments.wave)]
        progress, all_statuses = Progress(len(left)), Counter[str]()
        for number, wave in enumerate(waves, 1):
            statuses = engine.run(wave, progress.done)
            all_statuses += statuses
            progress.wave(number, len(waves), statuses)
        progress.end(all_statuses, len(inputs) - len(left))


def _stop(_number: int, _frame: object) -> None:
    """Workers die, and their tshark with them: there is nothing to wait for."""
    for worker in multiprocessing.active_children():
        worker.kill()
    raise KeyboardInterrupt


def main(words: Sequence[str] | None = None) -> int:
    """The exit status: 0 if all inputs have a row, also failed ones."""
    words = sys.argv[1:] if words is None else words
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
    try:
        if words and words[0] == "bundle":
            from .bundle import bundle

            bundle(words[1:])
        else:
            run(_parser().parse_args(words))
    except (Refused, OSError) as error:
        print(f"wechat-frames: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nwechat-frames: stopped; what is committed stays", file=sys.stderr, flush=True)
        return 130
    return 0
