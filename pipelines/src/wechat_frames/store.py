# SPDX-License-Identifier: GPL-2.0-or-later
"""What is committed, and how a wave becomes visible: `OUT/wave=NAME/dataset=…/date=…/*.parquet`.

A wave is written below `OUT/_staging`, where no reader looks, and renamed to its place as a whole. So there is one
moment at which all its rows and the rows of its captures become visible together, and a kill leaves all or none.
"""

import fcntl
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from .inputs import Refused
from .schema import TABLES

FINAL = ("ok", "damaged")
"""What `--again` does not try again."""

STAGING = "_staging"
COMPRESSION = "zstd"
NO_DATE = "date=1970-01-01"
"""Where the file without rows lies of a dataset that has none in a wave: it tells readers the columns."""


def wave_name() -> str:
    """Waves sort by when they began."""
    return f"wave={datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"


def finished(tried: Iterable[tuple[str, str]], *, again: bool) -> set[str]:
    """Identities that need not be read, of those that were, with their status."""
    return {identity for identity, status in tried if not again or status in FINAL}


class Store:
    """A local output folder."""

    def __init__(self, out: str) -> None:
        self.out = Path(os.path.abspath(out))
        self.staging = self.out / STAGING

    @contextmanager
    def locked(self) -> Iterator[None]:
        """For one run at a time; what an earlier one left half-written goes."""
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            lock = open(self.out / "_lock", "w")
        except OSError as error:
            raise Refused(f"{self.out} cannot be written to: {error.strerror}") from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise Refused(f"another run writes to {self.out}") from error
            shutil.rmtree(self.staging, ignore_errors=True)
            yield
            shutil.rmtree(self.staging, ignore_errors=True)

    def tried(self) -> Iterator[tuple[str, str]]:
        """Identity and status of each input that was read."""
        for file in sorted(self.out.glob("wave=*/dataset=captures/*/*.parquet")):
            table = pq.ParquetFile(file).read(["input", "status"])
            yield from zip(*(column.to_pylist() for column in table.columns), strict=True)

    def commit(self, wave: Path) -> None:
        """Makes a wave below the staging folder visible."""
        for dataset, schema in TABLES.items():
            if not (wave / f"dataset={dataset}").is_dir():
                folder = wave / f"dataset={dataset}" / NO_DATE
                folder.mkdir(parents=True)
                pq.write_table(schema.empty_table(), folder / "empty.parquet", compression=COMPRESSION)
        wave.rename(self.out / wave.name)


_OPTIONS: dict[str, dict[str, Any]] = {
    dataset: {
        # Of what hardly repeats, a dictionary only costs time; so do statistics of what nobody looks a range up in.
        "use_dictionary": [
            field.name for field in schema if not pa.types.is_decimal(field.type) and not field.name.endswith("frame")
        ],
        "write_statistics": [name for name in schema.names if name in ("input", "time", "operation", "status")],
        # Readers get plain texts, as from Spark.
        "store_schema": False,
    }
    for dataset, schema in TABLES.items()
}


class Sink:
    """Rows of a task as Parquet files below a folder, a file for each dataset and date. `close` lists them."""

    _MOST_ROWS = 1 << 18
    """Rows kept in memory, so that small captures share row groups."""
    _MOST_OPEN = 64

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._kept: dict[tuple[str, str], list[pa.RecordBatch]] = {}
        self._rows = 0
        self._files: list[str] = []

    def add(self, dataset: str, batch: pa.RecordBatch) -> None:
        """Takes a batch whose last column is `date`."""
        dates = batch.column("date")
        rows = batch.remove_column(batch.num_columns - 1)
        days = dates.unique()
        for date in days:
            mine = rows if len(days) == 1 else rows.filter(pc.equal(dates, date))
            self._kept.setdefault((dataset, f"dataset={dataset}/date={date}"), []).append(mine)
        self._rows += rows.num_rows
        if self._rows >= self._MOST_ROWS:
            self._flush()

    def _flush(self) -> None:
        for (dataset, place), batches in self._kept.items():
            if place not in self._writers:
                if len(self._writers) == self._MOST_OPEN:
                    self._close_writers()
                file = f"{place}/{uuid.uuid4().hex}.parquet"
                (self._folder / place).mkdir(parents=True, exist_ok=True)
                self._files.append(file)
                self._writers[place] = pq.ParquetWriter(
                    self._folder / file, batches[0].schema, compression=COMPRESSION, **_OPTIONS[dataset]
                )
            self._writers[place].write_table(pa.Table.from_batches(batches))
        self._kept, self._rows = {}, 0

    def _close_writers(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def close(self) -> list[str]:
        """Paths of the files, below the folder."""
        self._flush()
        self._close_writers()
        return self._files
