# SPDX-License-Identifier: GPL-2.0-or-later
"""Running the ready queries, on DuckDB and on Spark."""

from pathlib import Path
from typing import Any

import duckdb

FOLDER = Path(__file__).resolve().parents[1] / "queries"
NAMES = sorted(
    file.stem for file in FOLDER.glob("*.sql") if file.stem not in ("newest", "tables.duckdb", "tables.spark")
)

Answer = list[tuple[Any, ...]]


def of_duckdb(out: Path) -> "duckdb.DuckDBPyConnection":
    """A connection that has the tables of an output folder."""
    connection = duckdb.connect()
    connection.execute("SET VARIABLE out = ?", [str(out)])
    for name in ("tables.duckdb", "newest"):
        connection.execute((FOLDER / f"{name}.sql").read_text())
    return connection


def on_duckdb(out: Path, name: str) -> Answer:
    """All rows of a query's answer."""
    return list(of_duckdb(out).execute((FOLDER / f"{name}.sql").read_text()).fetchall())


def statements(name: str) -> list[str]:
    """A file's statements, without its comments."""
    lines = [line for line in (FOLDER / f"{name}.sql").read_text().splitlines() if not line.startswith("--")]
    return [statement for statement in "\n".join(lines).split(";") if statement.strip()]
