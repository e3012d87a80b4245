-- SPDX-License-Identifier: GPL-2.0-or-later
-- Seconds between heartbeats of a link, by server.
SELECT
    server,
    count(*) AS intervals,
    min(apart) AS shortest,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY apart) AS median,
    max(apart) AS longest
FROM (
    SELECT
        dst AS server,
        CAST(time - lag(time) OVER (PARTITION BY input, stream ORDER BY time, frame) AS DOUBLE) AS apart
    FROM frames
    WHERE kind = 'heartbeat request'
) AS heartbeats
WHERE apart IS NOT NULL
GROUP BY server
ORDER BY server;
