"""Results of commands: a long table says how long, progress names its step."""

from __future__ import annotations

import argparse
import json

import pytest

from leadline.flows.commands.common.output import MOST_ROWS, show, titled_table


@pytest.mark.parametrize("n", [0, 1, MOST_ROWS - 1, MOST_ROWS, MOST_ROWS + 1, 500])
def test_a_title_counts_the_rows_that_are_left_out(n: int) -> None:
    title, head, _rule, *rows = titled_table("gaps", ("id",), [(i,) for i in range(n)])
    assert head.strip() == "id"
    assert [int(row) for row in rows] == list(range(min(n, MOST_ROWS)))
    assert title == ("gaps" if n <= MOST_ROWS else f"gaps (the first {MOST_ROWS} of {n})")


def test_a_result_is_lines_or_json(capsys: pytest.CaptureFixture[str]) -> None:
    for as_json, expected in ((False, "币安人生USDT\n"), (True, '{"symbol": "币安人生USDT"}\n')):
        args = argparse.Namespace(json=as_json)
        show(args, "币安人生USDT", lambda found: {"symbol": found}, lambda found: [found])
        out = capsys.readouterr().out
        assert out == expected
    assert json.loads(out) == {"symbol": "币安人生USDT"}
