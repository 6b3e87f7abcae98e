"""
Date every bucket of the feed's figures by its start, as the columns say.

Until now the end stood there, and the length that was asked for instead of the one it had. Buckets tile:
a row's bucket began where the one before ended, unless that lies further back than a bucket can be long,
as after a pause; then the length that was asked for is the best that is known.
"""

from __future__ import annotations

from alembic import op

revision = "011"
down_revision = "010"

_MEASURE = """
CREATE TEMPORARY TABLE old_buckets AS
SELECT DISTINCT venue, ts,
       CASE WHEN before > ts - to_microseconds(CAST(bucket_s * 1.5e6 AS BIGINT)) THEN before
            ELSE ts - to_microseconds(CAST(bucket_s * 1e6 AS BIGINT)) END AS began
FROM (SELECT venue, ts, max(bucket_s) AS bucket_s, lag(ts) OVER (PARTITION BY venue ORDER BY ts) AS before
      FROM feed_stats GROUP BY venue, ts)
"""
_LEGS = """
UPDATE leg_stats SET ts = began, bucket_s = epoch(old_buckets.ts - began) FROM old_buckets
WHERE leg_stats.venue = old_buckets.venue AND leg_stats.ts = old_buckets.ts
"""
_FEED = """
UPDATE feed_stats SET ts = began, bucket_s = epoch(old_buckets.ts - began) FROM old_buckets
WHERE feed_stats.venue = old_buckets.venue AND feed_stats.ts = old_buckets.ts
"""


def upgrade() -> None:
    for statement in (_MEASURE, _LEGS, _FEED, "DROP TABLE old_buckets"):
        op.execute(statement)
