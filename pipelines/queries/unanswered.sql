-- SPDX-License-Identifier: GPL-2.0-or-later
-- Requests that nobody answered, by server. It needs a run with -2: that no answer comes is known at the end.
SELECT
    dst AS server,
    dst_port AS port,
    count(*) AS requests,
    sum(CASE WHEN unanswered THEN 1 ELSE 0 END) AS unanswered
FROM frames
WHERE unanswered IS NOT NULL
GROUP BY dst, dst_port
ORDER BY unanswered DESC, server, port;
