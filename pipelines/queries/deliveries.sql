-- SPDX-License-Identifier: GPL-2.0-or-later
-- How news came to clients, by day.
SELECT CAST(date AS DATE) AS day, delivery, count(*) AS frames, sum(body_len) AS bytes
FROM frames
WHERE delivery IS NOT NULL
GROUP BY CAST(date AS DATE), delivery
ORDER BY day, delivery;
