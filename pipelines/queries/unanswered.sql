-- SPDX-License-Identifier: GPL-2.0-or-later
-- Requests without a response, by server. A response knows its request in one pass, too.
SELECT
    requests.dst AS server,
    requests.dst_port AS port,
    count(*) AS requests,
    sum(CASE WHEN responses.partner IS NULL THEN 1 ELSE 0 END) AS unanswered
FROM frames AS requests
LEFT JOIN (
    SELECT DISTINCT input, stream, seqid, partner, base_operation FROM frames
    WHERE direction = 'server to client' AND partner IS NOT NULL AND kind IN ('response', 'heartbeat response')
) AS responses
    ON responses.input = requests.input AND responses.stream = requests.stream
    AND responses.partner = requests.frame AND responses.base_operation = requests.base_operation
    AND responses.seqid = requests.seqid
WHERE requests.kind IN ('request', 'heartbeat request') AND requests.direction = 'client to server'
GROUP BY requests.dst, requests.dst_port
ORDER BY unanswered DESC, server, port;
