# SPDX-License-Identifier: GPL-2.0-or-later
"""Waves on processes of this machine."""

import ctypes
import multiprocessing
import os
import signal
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from . import tasks, tool
from .inputs import Input, Refused
from .rows import dissect, killed
from .store import Sink, Store, wave_name
from .tool import Settings, Versions

_PR_SET_PDEATHSIG = 1

Written = tuple[list[str], Counter[str]]
"""Files of a task, below its folder, and how many of its inputs ended how."""


def begin_worker() -> None:
    """A worker dies with its parent, and its tshark with it; Ctrl+C is the parent's to handle."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    parent = multiprocessing.parent_process()
    if parent is None or os.getppid() != parent.pid:
        os._exit(1)  # it died before it could be watched
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def write(task: Sequence[Input], settings: Settings, versions: Versions, folder: Path) -> Written:
    """All rows of a task's inputs, as files of a folder."""
    sink = Sink(folder)
    statuses: Counter[str] = Counter()
    for one in task:
        for dataset, batch in dissect(one, settings, versions):
            sink.add(dataset, batch)
            if dataset == "captures":
                statuses.update(batch.column("status").to_pylist())
    return sink.close(), statuses


class Pool:
    """An engine: `run` reads the inputs of a wave and commits it."""

    def __init__(self, store: Store, settings: Settings, processes: int) -> None:
        self._store = store
        self._settings = settings
        self._processes = processes
        self._versions = tool.probe(settings)

    def run(self, wave: Sequence[Input], done: Callable[[int], None]) -> Counter[str]:
        """How many of the wave's inputs ended how; `done` is told of each number that is read."""
        statuses: Counter[str] = Counter()
        place = self._store.staging / wave_name()

        def take(folder: Path, files: list[str], ended: Counter[str]) -> None:
            for file in files:
                (place / file).parent.mkdir(parents=True, exist_ok=True)
                (folder / file).rename(place / file)
            statuses.update(ended)
            done(ended.total())

        left = self._try(tasks.deal(wave, self._processes), self._processes, take)
        # A worker that was killed takes the others' tasks along: now each input is a task of its own.
        left = self._try([[one] for task in left for one in task], self._processes, take)
        # What still kills them is alone with its worker, and is to blame.
        for task in left:
            if self._try([task], 1, take):
                folder = self._store.staging / uuid.uuid4().hex
                sink = Sink(folder)
                sink.add("captures", killed(task[0], self._settings, self._versions, datetime.now(UTC)))
                take(folder, sink.close(), Counter(killed=1))
        self._store.commit(place)
        return statuses

    def _try(
        self,
        dealt: list[list[Input]],
        processes: int,
        take: Callable[[Path, list[str], Counter[str]], None],
    ) -> list[list[Input]]:
        """Runs tasks; those that a worker's death has stopped are given back."""
        left = []
        # Spawned, not forked: Arrow has threads, and a worker's parent has to be this process.
        context = multiprocessing.get_context("spawn")
        if not dealt:
            return []
        with ProcessPoolExecutor(min(processes, len(dealt)), context, begin_worker) as pool:
            running = {}
            for task in dealt:
                folder = self._store.staging / uuid.uuid4().hex
                try:
                    running[pool.submit(write, task, self._settings, self._versions, folder)] = (task, folder)
                except BrokenProcessPool:
                    left.append(task)
            for future in as_completed(running):
                task, folder = running.pop(future)
                try:
                    files, ended = future.result()
                except BrokenProcessPool:
                    left.append(task)
                except (OSError, MemoryError, pa.ArrowException) as error:
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise Refused(f"rows cannot be written: {error}") from error
                else:
                    take(folder, files, ended)
        return left
