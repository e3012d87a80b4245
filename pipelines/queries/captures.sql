-- SPDX-License-Identifier: GPL-2.0-or-later
-- How captures ended, and what tshark said of those that did not end well.
SELECT status, message, count(*) AS captures, sum(frames) AS frames, sum(seconds) AS seconds
FROM captures
GROUP BY status, message
ORDER BY captures DESC, status, message;
