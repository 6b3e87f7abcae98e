"""
Ask once: a question that two runs, or a retry, would both pay for is claimed first, in the database.

The key says what makes two questions the same: symbol, prompt, model, trigger and time bucket. The state of
the book is left out on purpose: a run that is tried again after a crash meets another book within the same
minute, and would pay twice. Whoever claims a question works on it until ``expires_at``; then another may
take over. What a claimer that died may have spent stays booked in the ledger. One statement each, so no
claim is ever left half made.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from leadline.storage.access.sql import Runs, utc_naive
from leadline.storage.errors import StoreError
from leadline.storage.spend.conflicts import retried

_CLAIM = """
INSERT INTO claims (key, claimer, ts, expires_at)
VALUES (CAST($key AS VARCHAR), CAST($claimer AS VARCHAR), CAST($now AS TIMESTAMP),
        CAST($expires_at AS TIMESTAMP))
ON CONFLICT (key) DO UPDATE
SET claimer = excluded.claimer, ts = excluded.ts, expires_at = excluded.expires_at
WHERE claims.signal_id IS NULL AND claims.expires_at <= excluded.ts
RETURNING claimer
"""

_LOOK = "SELECT claimer, expires_at, signal_id FROM claims WHERE key = $key"

# A claimer that was overtaken must not answer for the one who overtook it.
_ANSWER = """
UPDATE claims SET signal_id = $signal_id
WHERE key = $key AND claimer = $claimer AND signal_id IS NULL
"""

_RELEASE = "DELETE FROM claims WHERE key = $key AND claimer = $claimer AND signal_id IS NULL"


@dataclass(frozen=True, slots=True)
class Claim:
    """
    Who may work on a question: ``is_mine``, or it is answered by ``signal_id``, or another works on it.

    ``expires_at`` (UTC) is when another may take over.
    """

    key: str
    claimer: str
    is_mine: bool
    expires_at: dt.datetime
    signal_id: str | None = None


def claim(con: Runs, key: str, *, claimer: str, now: dt.datetime, expires_at: dt.datetime) -> Claim:
    """
    Claim a question, or learn who has it; exactly one of many at once gets it.

    ``claimer`` is unique to this try, so that a retry does not take itself for the one before.
    """
    if expires_at <= now:
        raise StoreError(f"a claim must end after it begins: {now} to {expires_at}")
    where = {"key": key, "claimer": claimer, "now": utc_naive(now), "expires_at": utc_naive(expires_at)}
    while True:
        if retried(lambda: con.execute(_CLAIM, where).fetchone()) is not None:
            return Claim(key, claimer, is_mine=True, expires_at=where["expires_at"])  # type: ignore[arg-type]
        for holder, ends_at, signal_id in con.execute(_LOOK, {"key": key}).fetchall():
            return Claim(key, holder, is_mine=holder == claimer, expires_at=ends_at, signal_id=signal_id)
        # It was released between the two statements.


def answer(con: Runs, mine: Claim, signal_id: str) -> bool:
    """Say which signal answers a claimed question; False when another had taken the claim over."""
    where = {"key": mine.key, "claimer": mine.claimer, "signal_id": signal_id}
    return bool(_changed(con, _ANSWER, where))


def release(con: Runs, mine: Claim) -> None:
    """Give a question back that was not asked after all, as when a budget had no room."""
    _changed(con, _RELEASE, {"key": mine.key, "claimer": mine.claimer})


def _changed(con: Runs, statement: str, where: dict[str, str]) -> int:
    row = retried(lambda: con.execute(statement, where).fetchone())
    return int(row[0]) if row else 0
