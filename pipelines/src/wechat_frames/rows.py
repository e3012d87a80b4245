# SPDX-License-Identifier: GPL-2.0-or-later
"""One capture in, Arrow batches out. Both engines call this and nothing else."""

import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv

from . import tool
from .inputs import Input
from .schema import COMMANDS, LINES, ORIGIN, TABLES
from .tool import Settings, Versions

Rows = tuple[str, pa.RecordBatch]
"""A dataset, and rows of it: the table's columns, those of `ORIGIN` as dictionaries, and `date` behind them."""

DATE = pa.field("date", pa.date32())

_BLOCK = 4 << 20
"""Bytes that are made into rows at once."""

_HEADINGS = {dataset: "\t".join(schema.names).encode() + b"\n" for dataset, schema in LINES.items()}
_LISTS = {
    dataset: [field.name for field in schema if pa.types.is_list(field.type)] for dataset, schema in LINES.items()
}
_STREAMED = ("frames", "web_calls")
"""Written as packets are read, so that both may stand among each other; the others stand by themselves at the end."""

_EMPTY_LIST = pa.scalar([], pa.list_(pa.string()))


def schema(dataset: str) -> pa.Schema:
    """Columns of the batches of a dataset."""
    return TABLES[dataset].append(DATE)


def dissect(one: Input, settings: Settings, versions: Versions) -> Iterator[Rows]:
    """All rows of an input, the one in `captures` last; none before tshark has ended, so that none of a crash stays."""
    started, begun = datetime.now(UTC), time.monotonic()
    counts = dict.fromkeys(COMMANDS, 0)
    first: date | None = None
    exit_status, message = None, None
    with tempfile.TemporaryFile() as out:
        try:
            ended = tool.run(one, settings, out)
            exit_status, message = ended.status, ended.message
            status = _STATUS.get(exit_status, "killed" if exit_status is not None and exit_status < 0 else "damaged")
        except OSError as error:
            status, message = "failed", error.strerror or str(error)
        if status == "damaged" and (out.seek(0, 2) == 0 or _UNWRITTEN in (message or "")):
            status = "failed"  # tshark could not even open it, or our disk is full, which is no fault of the capture
        if status in ("ok", "damaged"):
            try:
                for dataset, batch in _read(out):
                    counts[dataset] += batch.num_rows
                    first = first or batch.column("date")[0].as_py()
                    yield dataset, _with_origin(one, dataset, batch)
            except pa.ArrowInvalid as error:
                status = "damaged" if any(counts.values()) else "failed"
                message = f"a line that no table can hold: {error}"[:2000]
    yield (
        "captures",
        _capture(
            one,
            settings,
            versions,
            date=first,
            status=status,
            message=message,
            exit=exit_status,
            started=started,
            seconds=time.monotonic() - begun,
            **counts,
        ),
    )


_STATUS = {0: "ok", None: "late"}
_UNWRITTEN = "the lines cannot be written"


def killed(one: Input, settings: Settings, versions: Versions, started: datetime) -> pa.RecordBatch:
    """The row in `captures` of an input that kills who reads it."""
    message = "the process that read it was killed, each time"
    return _capture(one, settings, versions, status="killed", message=message, started=started)


def _capture(one: Input, settings: Settings, versions: Versions, **ended: Any) -> pa.RecordBatch:
    about = {
        "input": one.identity,
        "capture": one.text,
        "size": one.size,
        "modified": one.modified,
        "part": one.part,
        "parts": one.parts,
        "passes": 2 if settings.two_passes else 1,
        "tshark": versions.tshark,
        "plugin": versions.plugin,
        **dict.fromkeys(COMMANDS, 0),
        **ended,
    }
    about["date"] = about.get("date") or one.modified.date()
    return pa.RecordBatch.from_pylist([about], schema("captures"))


def _with_origin(one: Input, dataset: str, batch: pa.RecordBatch) -> pa.RecordBatch:
    # Dictionaries of one word: a row costs four bytes.
    zeros = pa.repeat(pa.scalar(0, pa.int32()), batch.num_rows)
    same = [pa.DictionaryArray.from_arrays(zeros, pa.array([word])) for word in (one.identity, one.text)]
    fields = [pa.field(name, array.type) for name, array in zip(ORIGIN.names, same, strict=True)]
    types = pa.schema([*fields, *LINES[dataset], DATE])
    return pa.RecordBatch.from_arrays([*same, *batch.columns], schema=types)


def _days(times: pa.Array) -> pa.Array:
    """Date of each time, UTC."""

    def day(times: Any) -> Any:
        return pc.floor(times).cast(pa.int64()).cast(pa.timestamp("s")).cast(pa.date32())

    ends = pc.min_max(times)
    first, last = day(ends["min"]), day(ends["max"])
    return pa.repeat(first, len(times)) if first == last else day(times)


def _read(out: IO[bytes]) -> Iterator[Rows]:
    """Rows of tshark's output: lines behind their headings, those of `_STREAMED` perhaps among each other."""
    out.seek(0)
    may_follow: tuple[str, ...] = ()
    while piece := out.read(_BLOCK):
        piece += out.readline()
        found = sorted((at, dataset) for dataset, heading in _HEADINGS.items() if (at := piece.find(heading)) >= 0)
        ends = [at for at, _ in found] + [len(piece)]
        yield from _lines(piece[: ends[0]], may_follow)
        for (at, dataset), end in zip(found, ends[1:], strict=True):
            among = dataset in _STREAMED and not set(may_follow).isdisjoint(_STREAMED)
            may_follow = _STREAMED if among else (dataset,)
            yield from _lines(piece[at + len(_HEADINGS[dataset]) : end], may_follow)


def _lines(text: bytes, datasets: tuple[str, ...]) -> Iterator[Rows]:
    """Whole lines of these datasets, each known by its number of columns."""
    if not text:
        return
    if len(datasets) == 1:
        yield datasets[0], _parse(text, datasets[0])
        return
    left = text.splitlines(keepends=True)
    for dataset in datasets:
        tabs = len(LINES[dataset].names) - 1
        mine = [line for line in left if line.count(b"\t") == tabs]
        if mine:
            yield dataset, _parse(b"".join(mine), dataset)
        left = [line for line in left if line.count(b"\t") != tabs] if len(mine) < len(left) else []
    if left:
        raise pa.ArrowInvalid(f"a line of no known table: {left[0][:200]!r}")


_PARSE = csv.ParseOptions(delimiter="\t", quote_char=False, double_quote=False)
_CONVERT = {
    dataset: csv.ConvertOptions(
        null_values=[""],
        strings_can_be_null=True,
        column_types={field.name: pa.string() if pa.types.is_list(field.type) else field.type for field in schema},
    )
    for dataset, schema in LINES.items()
}


def _parse(text: bytes, dataset: str) -> pa.RecordBatch:
    """Lines as columns, and the date of each."""
    names = LINES[dataset].names
    read = csv.ReadOptions(use_threads=False, block_size=len(text) + 1, column_names=names)
    table = csv.read_csv(pa.BufferReader(text), read, _PARSE, _CONVERT[dataset])
    columns = dict(zip(names, table.combine_chunks().to_batches()[0].columns, strict=True))
    for name in _LISTS[dataset]:
        texts = columns[name]
        # Of no text the schema has an empty list, not nothing.
        columns[name] = pc.if_else(pc.is_valid(texts), pc.split_pattern(texts, ","), _EMPTY_LIST)
    return pa.RecordBatch.from_arrays([*columns.values(), _days(columns["time"])], names=[*names, "date"])
