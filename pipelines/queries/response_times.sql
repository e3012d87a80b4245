-- SPDX-License-Identifier: GPL-2.0-or-later
-- Response times by operation and day, in seconds.
SELECT
    CAST(date AS DATE) AS day,
    base_operation AS operation,
    min(name) AS name,
    count(*) AS responses,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY CAST(response_time AS DOUBLE)) AS median,
    percentile_cont(0.9) WITHIN GROUP (ORDER BY CAST(response_time AS DOUBLE)) AS p90,
    percentile_cont(0.99) WITHIN GROUP (ORDER BY CAST(response_time AS DOUBLE)) AS p99
FROM frames
WHERE response_time IS NOT NULL
GROUP BY CAST(date AS DATE), base_operation
ORDER BY day, operation;
