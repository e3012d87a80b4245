-- SPDX-License-Identifier: GPL-2.0-or-later
-- The tables of an output folder, for Spark SQL: spark.sql(statement, {...}) takes no names of files, so put OUT in by hand.
CREATE OR REPLACE TEMP VIEW captures_all USING parquet OPTIONS (path 'OUT/wave=*/dataset=captures', basePath 'OUT');
CREATE OR REPLACE TEMP VIEW frames_all USING parquet OPTIONS (path 'OUT/wave=*/dataset=frames', basePath 'OUT');
CREATE OR REPLACE TEMP VIEW calls_all USING parquet OPTIONS (path 'OUT/wave=*/dataset=calls', basePath 'OUT');
CREATE OR REPLACE TEMP VIEW web_calls_all USING parquet OPTIONS (path 'OUT/wave=*/dataset=web_calls', basePath 'OUT');
CREATE OR REPLACE TEMP VIEW sessions_all USING parquet OPTIONS (path 'OUT/wave=*/dataset=sessions', basePath 'OUT');
