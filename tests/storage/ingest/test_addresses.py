"""How the venue's addresses serve us, through the writer."""

from __future__ import annotations

from leadline.book.rows.batch import Batch
from leadline.book.rows.feed import AddressRow
from leadline.storage.access.owner import Owner
from leadline.storage.ingest.writer import Writer
from tests.storage.helpers import MARKETS, START_NS

ASKED = "SELECT road, address, event, reason, epoch_ns(until) - epoch_ns(ts) FROM addresses ORDER BY event"


def test_refusals_and_bans_are_rows(writer: Writer, owner: Owner) -> None:
    batch = Batch(MARKETS)
    where = ("v", START_NS, "rest", "https://a")
    batch.addresses += [
        AddressRow(*where, "banned", "418 way too much", START_NS + 120 * 10**9),
        AddressRow(*where, "refused", "451 not here", None),
    ]
    assert not batch.is_empty
    writer.submit(batch)
    assert writer.drain(60.0)
    assert owner.cursor().execute(ASKED).fetchall() == [
        ("rest", "https://a", "banned", "418 way too much", 120 * 10**9),
        ("rest", "https://a", "refused", "451 not here", None),
    ]
