"""Mistakes in how the venue is asked."""

from __future__ import annotations

from tests.mutants.variant import Variant

LISTING = ("tests/tasks/feed/requests/test_listing.py",)

VARIANTS = (
    Variant(
        "a request for several symbols that is refused is not cut in halves",
        "tasks/venues/common/rest.py",
        "                elif self.has_weight_to_spare(weight):\n",
        "                elif not self.has_weight_to_spare(weight):\n",
        LISTING,
    ),
    Variant(
        "a symbol missing once from the listing is dropped",
        "tasks/feed/requests/listing.py",
        "        if book is not None and was is ListingState.UNLISTED:\n",
        "        if book is not None:\n",
        LISTING,
    ),
    Variant(
        "a listing that becomes unreadable costs the book",
        "tasks/feed/requests/listing.py",
        "        if symbol in self._router.books:\n            entry.go_on",
        "        if symbol not in self._router.books:\n            entry.go_on",
        LISTING,
    ),
    Variant(
        "an outcast is asked about every time anew, without a growing wait",
        "tasks/feed/requests/listed.py",
        "        wait_s = config.again_first_s * 2 ** min(self._refusals - 1, MOST_DOUBLINGS)\n",
        "        wait_s = config.again_first_s\n",
        LISTING,
    ),
    Variant(
        "numbers off scale are tried for ever",
        "tasks/feed/requests/listing.py",
        "        if unfit is not None and is_same and entry.strikes_out(self._clock.mono_s()):\n",
        "        if unfit is not None and is_same and entry.strikes_out(0.0) and not unfit:\n",
        LISTING,
    ),
    Variant(
        "streams of a symbol without a book stay on its line",
        "tasks/feed/symbols.py",
        "        for symbol in line.symbols:\n            if symbol not in self._router.books:\n",
        "        for symbol in line.symbols:\n            if symbol in ():\n",
        LISTING,
    ),
    Variant(
        "whether a halted symbol trades again is not seen from its trades",
        "tasks/feed/requests/listing.py",
        "                    if self._speaks(symbol, kind, entry.asked_s):\n",
        "                    if not self._speaks(symbol, kind, entry.asked_s) and kind is None:\n",
        ("tests/tasks/feed/requests/test_listing.py", "tests/flows/streaming/test_symbol_states.py"),
    ),
    Variant(
        "suspect books are audited all at once",
        "tasks/feed/requests/audit.py",
        "                suspect_at_s = now_s() + self._pace_s\n",
        "                suspect_at_s = 0.0\n",
        ("tests/tasks/feed/requests/test_audit.py",),
    ),
    Variant(
        "a suspect book waits for its turn",
        "tasks/feed/requests/audit.py",
        "            elif now_s() >= suspect_at_s and (book",
        "            elif now_s() < suspect_at_s and (book",
        ("tests/tasks/feed/requests/test_audit.py",),
    ),
    Variant(
        "snapshots whose ids lag behind their content discard right books",
        "tasks/feed/requests/audit.py",
        "audit=held.audit.lasting(watch.changes(self._router.batch)))\n",
        "audit=held.audit)\n",
        ("tests/tasks/feed/requests/test_audit.py",),
    ),
    Variant(
        "an audit that cannot be confirmed is forgotten",
        "tasks/feed/requests/audit.py",
        "        return first if second is None else replace(",
        "        return None if second is None else replace(",
        ("tests/tasks/feed/requests/test_audit.py",),
    ),
    Variant(
        "books that only an audit can heal get none where there are none in turn",
        "tasks/feed/requests/audit.py",
        "            books = [book for book in books if book.awaits_audit]\n",
        "            books = []\n",
        ("tests/tasks/feed/requests/test_audit.py",),
    ),
    Variant(
        "books that ask for audits keep the others from theirs",
        "tasks/feed/requests/audit.py",
        "min(books if self._was_asked or not asking else asking,",
        "min(asking or books,",
        ("tests/tasks/feed/requests/test_audit.py",),
    ),
)
