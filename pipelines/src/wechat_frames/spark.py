# SPDX-License-Identifier: GPL-2.0-or-later
"""Waves on Spark, which schedules, retries and commits.

Executors hand on rows of all datasets in one pass, each as a struct in its dataset's column; Spark's committer writes
them. From there each dataset gets its own columns, and the wave is renamed to its place as a whole.
"""

import os
import re
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from . import tasks, tool
from .inputs import Input, Refused, is_remote
from .rows import DATE, dissect, schema
from .schema import TABLES
from .store import COMPRESSION, NO_DATE, STAGING, wave_name
from .tool import Settings

_INPUT = pa.schema(
    [
        ("path", pa.binary()),
        ("size", pa.int64()),
        ("modified_ns", pa.int64()),
        ("part", pa.int64()),
        ("parts", pa.int64()),
    ]
)
_ROW = pa.schema(
    [
        ("dataset", pa.string()),
        DATE,
        *((dataset, pa.struct(list(columns))) for dataset, columns in TABLES.items()),
    ]
)
_MOST_ROWS = 1 << 16


def _wide(dataset: str, batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """Rows of a dataset in its column; the others' columns have nothing."""
    table = pa.Table.from_batches(batches).cast(schema(dataset))
    (rows,) = table.combine_chunks().to_batches()
    fields = list(TABLES[dataset])
    columns = {
        "dataset": pa.repeat(pa.scalar(dataset), rows.num_rows),
        "date": rows.column("date"),
        dataset: pa.StructArray.from_arrays(rows.columns[:-1], fields=fields),
    }
    arrays = [columns.get(field.name, pa.nulls(rows.num_rows, field.type)) for field in _ROW]
    return pa.RecordBatch.from_arrays(arrays, schema=_ROW)


def _work(settings: Settings) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def work(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        versions = tool.probe(settings)
        kept: dict[str, list[pa.RecordBatch]] = {}
        rows = 0
        for batch in batches:
            for row in batch.to_pylist():
                for dataset, some in dissect(Input(**row), settings, versions):
                    kept.setdefault(dataset, []).append(some)
                    rows += some.num_rows
                    if rows > _MOST_ROWS:
                        yield from (_wide(*one) for one in kept.items())
                        kept, rows = {}, 0
        yield from (_wide(*one) for one in kept.items())

    return work


class Spark:
    """An engine as `Pool`; `out` is anything that Hadoop's file systems can write to and rename in."""

    def __init__(self, out: str, settings: Settings) -> None:
        builder: Any = SparkSession.builder
        self._spark: SparkSession = (
            builder.appName("wechat-frames")
            .config("spark.sql.session.timeZone", "UTC")
            .config("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
            .config("spark.sql.sources.partitionColumnTypeInference.enabled", "false")
            .getOrCreate()
        )
        self._settings = settings
        self._out = out if is_remote(os.fsencode(out)) else f"file://{os.path.abspath(out)}"  # Hadoop decodes no %20
        jvm: Any = self._spark.sparkContext._jvm
        self._path: Any = jvm.org.apache.hadoop.fs.Path
        conf: Any = self._spark.sparkContext._jsc
        self._files: Any = self._path(self._out).getFileSystem(conf.hadoopConfiguration())
        self._ship()
        self._files.delete(self._path(f"{self._out}/{STAGING}"), True)

    def _ship(self) -> None:
        """Executors need nothing of ours installed."""
        self._shipped = tempfile.TemporaryDirectory()
        archive = os.path.join(self._shipped.name, "wechat_frames.zip")
        with zipfile.ZipFile(archive, "w") as package:
            for file in sorted(Path(__file__).parent.iterdir()):
                if file.suffix in (".py", ".json"):
                    package.write(file, f"wechat_frames/{file.name}")
        self._spark.sparkContext.addPyFile(archive)

    def tried(self) -> Iterator[tuple[str, str]]:
        """Identity and status of each input that was read."""
        found = self._files.globStatus(self._path(f"{self._out}/wave=*/dataset=captures"))
        # Names, not the pattern: Spark warns of that with a page of Java.
        places = [one.getPath().toString() for one in found or ()]
        if not places:
            return
        reader = self._spark.read.schema(from_arrow_schema(TABLES["captures"])).option("basePath", self._out)
        captures = reader.parquet(*places)
        for row in captures.select("input", "status").toLocalIterator():
            yield row[0], row[1]

    def run(self, wave: Sequence[Input], done: Callable[[int], None]) -> Counter[str]:
        """As `Pool.run`."""
        try:
            statuses = self._run(wave)
        except PySparkException as error:
            raise _refused(error) from error
        except Exception as error:
            if type(error).__module__.startswith("py4j"):
                raise _refused(error) from error
            raise
        done(len(wave))
        return statuses

    def _run(self, wave: Sequence[Input]) -> Counter[str]:
        context = self._spark.sparkContext
        dealt = tasks.deal(wave, context.defaultParallelism)
        staging, name = f"{self._out}/{STAGING}", wave_name()
        rows = [[(one.path, one.size, one.modified_ns, one.part, one.parts) for one in task] for task in dealt]
        inputs = context.parallelize(rows, len(rows)).flatMap(lambda task: task)
        frame = self._spark.createDataFrame(inputs, from_arrow_schema(_INPUT))
        dissected = frame.mapInArrow(_work(self._settings), from_arrow_schema(_ROW))
        dissected.write.partitionBy("dataset").option("compression", COMPRESSION).parquet(f"{staging}/rows")
        stored = from_arrow_schema(pa.schema(list(_ROW)[1:]))
        for dataset, columns in TABLES.items():
            source, target = f"{staging}/rows/dataset={dataset}", f"{staging}/{name}/dataset={dataset}"
            if self._files.exists(self._path(source)):
                own = self._spark.read.schema(stored).parquet(source).select("date", f"{dataset}.*")
                own.write.partitionBy("date").option("compression", COMPRESSION).parquet(target)
            else:
                none = self._spark.createDataFrame([], from_arrow_schema(columns)).coalesce(1)
                none.write.option("compression", COMPRESSION).parquet(f"{target}/{NO_DATE}")
        captures = self._spark.read.parquet(f"{staging}/{name}/dataset=captures")
        counted = captures.groupBy("status").count().collect()
        if not self._files.rename(self._path(f"{staging}/{name}"), self._path(f"{self._out}/{name}")):
            raise Refused(f"{self._out}/{name} cannot be made")
        self._files.delete(self._path(staging), True)
        return Counter({row["status"]: row["count"] for row in counted})


def _refused(error: Exception) -> Refused:
    """What an executor refused or raised, without Spark's traces; else Spark's first line."""
    text = str(error)
    if found := re.search(r"Refused: (.+)", text):
        return Refused(found[1])
    raised = re.search(r"^[\w.]+: .+$", text.partition("Traceback")[2], re.MULTILINE)
    first = text.strip().splitlines()[0] if text.strip() else repr(error)
    return Refused(f"Spark failed: {raised[0] if raised else first}")
