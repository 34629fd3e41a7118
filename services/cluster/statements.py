"""The SQL of the store in PostgreSQL. Statements that only the primary may execute begin with a fence.

Their parameters $1 to $3 are the noun, the shard and the term. If the shard has another term, the fence has no row, and
the statement changes nothing. FOR SHARE makes a candidate that takes a new term wait until the statement is committed.
"""

from __future__ import annotations

FENCE = "fence AS MATERIALIZED (SELECT 1 FROM shard WHERE noun = $1 AND id = $2 AND term = $3 FOR SHARE)"
STREAM = f"""
WITH {FENCE} INSERT INTO stream (noun, engine, shard) SELECT $1, $4, $2 FROM fence
ON CONFLICT (noun, engine) DO NOTHING RETURNING stream
"""
WRITE = f"""
WITH {FENCE}, mine AS MATERIALIZED (
    SELECT 1 WHERE NOT EXISTS (
        SELECT FROM (SELECT DISTINCT unnest($4::int[]) AS stream) wanted
        LEFT JOIN stream s ON s.stream = wanted.stream AND s.noun = $1 AND s.shard = $2 WHERE s.stream IS NULL
    )
)
INSERT INTO record (stream, sequence, batch, semantics, kind, time_ns, crc, payload)
SELECT r.stream, r.sequence, $5, $6, r.kind, r.time_ns, r.crc, r.payload FROM fence, mine,
unnest($4::int[], $7::bigint[], $8::smallint[], $9::bigint[], $10::bigint[], $11::bytea[])
    AS r (stream, sequence, kind, time_ns, crc, payload)
"""
# The same statement for a single record, such as an order or a chunk of ticks; arrays would copy it twice more.
WRITE_ONE = f"""
WITH {FENCE} INSERT INTO record (stream, sequence, batch, semantics, kind, time_ns, crc, payload)
SELECT s.stream, $7, $5, $6, $8, $9, $10, $11 FROM fence, stream s WHERE s.stream = $4 AND s.noun = $1 AND s.shard = $2
"""
FLIP = f"""
WITH {FENCE}
UPDATE stream s SET generation = $5, sequence = $6, parts = $7, size = $8, checksum = $9, state = $10 FROM fence
WHERE s.stream = $4 AND s.noun = $1 AND s.shard = $2 AND s.generation < $5 AND s.sequence <= $6
AND (SELECT count(*) FROM checkpoint c WHERE c.stream = $4 AND c.generation = $5) = $7
"""
CHECKING = f"""
WITH {FENCE} UPDATE stream s SET checking = $5 FROM fence WHERE s.stream = $4 AND s.noun = $1 AND s.shard = $2
"""
DROP = f"WITH {FENCE} DELETE FROM stream s USING fence WHERE s.stream = $4 AND s.noun = $1 AND s.shard = $2"
MOVE = f"""
WITH {FENCE} UPDATE stream s SET shard = s.wanted, wanted = NULL, ready = 0 FROM fence
WHERE s.stream = $4 AND s.noun = $1 AND s.shard = $2 AND s.wanted <> $2
AND s.ready = (SELECT term FROM shard t WHERE t.noun = $1 AND t.id = s.wanted) AND s.ready > 0
"""
LAST_BATCH = "SELECT coalesce(max(batch), 0) AS batch FROM record WHERE stream = $1"
SERVED = f"WITH {FENCE} UPDATE stream s SET restored = false FROM fence WHERE s.noun = $1 AND s.shard = $2"
PRUNE = """
WITH gone AS (
    DELETE FROM record WHERE stream = $1 AND sequence <= $2
    AND sequence < (SELECT min(sequence) FROM record WHERE stream = $1) + $3
    RETURNING octet_length(payload) AS size
) SELECT count(*) AS records, coalesce(sum(size), 0)::bigint AS size FROM gone
"""
ORPHANS = """
WITH RECURSIVE found AS (
    SELECT min(stream) AS stream FROM record
    UNION ALL SELECT (SELECT min(stream) FROM record WHERE record.stream > found.stream) FROM found
    WHERE found.stream IS NOT NULL
) SELECT stream FROM found WHERE stream IS NOT NULL AND NOT EXISTS (
    SELECT FROM stream WHERE stream.stream = found.stream
)
"""
HELD = """
SELECT coalesce(sum(octet_length(payload)), 0)::bigint AS size FROM record
WHERE stream = ANY(SELECT stream FROM stream WHERE noun = $1 AND shard = $2)
"""
