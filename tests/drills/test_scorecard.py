"""The scorecard: what was promised, what was found, and whether the two agree."""

from __future__ import annotations

from tests.drills.scorecard import Card, lines


def test_a_promise_is_kept_or_not() -> None:
    card = Card("kills")
    card.most("back, s", 12.3456, 60)
    card.most("late, s", 61, 60)
    card.least("frames", 9, 10)
    card.same("state", "COMPLETED", "COMPLETED")
    card.note("took, s", 3.0)
    assert [each.ok for each in card.scores] == [True, False, False, True, True]
    table = lines(card.scores)
    assert table[2].split() == ["kills", "back,", "s", "12.346", "<=", "60", "ok"]
    assert table[3].split()[-1] == "WRONG"
    assert table[6].split() == ["kills", "took,", "s", "3.0"]
