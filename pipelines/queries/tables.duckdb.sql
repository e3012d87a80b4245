-- SPDX-License-Identifier: GPL-2.0-or-later
-- The tables of an output folder, for DuckDB: SET VARIABLE out = 'OUT'; and then this file.
CREATE OR REPLACE TEMP VIEW captures_all AS
    SELECT * FROM read_parquet(getvariable('out') || '/wave=*/dataset=captures/*/*.parquet', hive_partitioning = true);
CREATE OR REPLACE TEMP VIEW frames_all AS
    SELECT * FROM read_parquet(getvariable('out') || '/wave=*/dataset=frames/*/*.parquet', hive_partitioning = true);
CREATE OR REPLACE TEMP VIEW calls_all AS
    SELECT * FROM read_parquet(getvariable('out') || '/wave=*/dataset=calls/*/*.parquet', hive_partitioning = true);
CREATE OR REPLACE TEMP VIEW web_calls_all AS
    SELECT * FROM read_parquet(getvariable('out') || '/wave=*/dataset=web_calls/*/*.parquet', hive_partitioning = true);
CREATE OR REPLACE TEMP VIEW sessions_all AS
    SELECT * FROM read_parquet(getvariable('out') || '/wave=*/dataset=sessions/*/*.parquet', hive_partitioning = true);
