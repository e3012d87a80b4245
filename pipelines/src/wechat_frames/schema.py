# SPDX-License-Identifier: GPL-2.0-or-later
"""The tables and their Arrow types, made from `docs/frames.schema.json`, which the plugin's tables generate."""

import json
from importlib import resources

import pyarrow as pa

SECONDS = pa.decimal128(19, 9)
"""Seconds with nine decimals: a float loses nanoseconds. From 1684 to 2286 as times since 1970."""

MOMENT = pa.timestamp("us", "UTC")

COMMANDS = {
    "frames": "wechat,frames",
    "calls": "wechat_short,calls",
    "web_calls": "wechat_web,calls",
    "sessions": "mmtls,sessions",
}
"""Dataset, and the command behind `-z` whose lines are its rows."""

_KINDS: dict[str, pa.DataType] = {
    # Spark has no unsigned numbers; one type for both engines.
    "uint64": pa.int64(),
    "int64": pa.int64(),
    "decimal9": SECONDS,
    "boolean": pa.bool_(),
    "text": pa.string(),
    "address": pa.string(),
    "texts": pa.list_(pa.string()),
}


def generated() -> dict[str, dict[str, pa.DataType]]:
    """Columns of each command, in order, from the generated schema."""
    text = resources.files(__package__).joinpath("frames.schema.json").read_text("utf-8")
    commands = json.loads(text)["$defs"]
    return {
        command: {name: _KINDS[column["x-type"]] for name, column in table["properties"].items()}
        for command, table in commands.items()
    }


LINES: dict[str, pa.Schema] = {
    dataset: pa.schema(list(columns.items()))
    for dataset, columns in ((dataset, generated()[command]) for dataset, command in COMMANDS.items())
}
"""Dataset, and the columns that tshark prints for it."""

ORIGIN = pa.schema([("input", pa.string()), ("capture", pa.string())])
"""What each row says first: the identity of its input, and the capture's path as text."""

_CAPTURES = pa.schema(
    [
        *ORIGIN,
        ("size", pa.int64()),  # bytes; -1 if there is no such file
        ("modified", MOMENT),
        ("part", pa.int64()),  # from 0
        ("parts", pa.int64()),
        ("status", pa.string()),  # ok, damaged (rows up to the damage); failed, killed, late (no rows)
        ("message", pa.string()),
        ("exit", pa.int64()),  # tshark's status; below zero the signal that ended it
        *((dataset, pa.int64()) for dataset in COMMANDS),  # number of rows
        ("passes", pa.int64()),
        ("started", MOMENT),
        ("seconds", pa.float64()),  # wall time of the whole input
        ("tshark", pa.string()),
        ("plugin", pa.string()),
    ]
)

TABLES: dict[str, pa.Schema] = {
    **{dataset: pa.schema([*ORIGIN, *columns]) for dataset, columns in LINES.items()},
    "captures": _CAPTURES,
}
"""Dataset, and the columns of its Parquet files, without the partitions `wave`, `dataset` and `date`."""
