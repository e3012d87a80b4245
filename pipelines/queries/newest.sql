-- SPDX-License-Identifier: GPL-2.0-or-later
-- What holds now, for both: of an input its last attempt, of a capture that has changed its last state.
-- A capture that is gone keeps the rows of when it was there.
CREATE OR REPLACE TEMP VIEW captures AS
    SELECT * FROM (
        SELECT *,
            row_number() OVER (PARTITION BY input ORDER BY started DESC) AS attempts_since,
            max(started) OVER (PARTITION BY capture, size, modified, parts) AS state_started,
            coalesce(max(CASE WHEN size >= 0 THEN started END) OVER (PARTITION BY capture), started) AS capture_started
        FROM captures_all
    ) AS ranked
    WHERE attempts_since = 1 AND state_started = capture_started;
CREATE OR REPLACE TEMP VIEW frames AS SELECT * FROM frames_all WHERE input IN (SELECT input FROM captures);
CREATE OR REPLACE TEMP VIEW calls AS SELECT * FROM calls_all WHERE input IN (SELECT input FROM captures);
CREATE OR REPLACE TEMP VIEW web_calls AS SELECT * FROM web_calls_all WHERE input IN (SELECT input FROM captures);
CREATE OR REPLACE TEMP VIEW sessions AS SELECT * FROM sessions_all WHERE input IN (SELECT input FROM captures);
