-- SPDX-License-Identifier: GPL-2.0-or-later
-- Sessions of MMTLS by how they begin, and how many of them keys have opened.
SELECT
    flow,
    carrier,
    count(*) AS sessions,
    sum(CASE WHEN opened > 0 AND closed = 0 THEN 1 ELSE 0 END) AS opened,
    sum(CASE WHEN opened > 0 AND closed > 0 THEN 1 ELSE 0 END) AS partly,
    sum(CASE WHEN opened = 0 THEN 1 ELSE 0 END) AS closed,
    sum(plain_bytes) AS plain_bytes
FROM sessions
GROUP BY flow, carrier
ORDER BY flow, carrier;
