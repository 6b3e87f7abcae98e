"""The price book in the table: seeded once, never over what a user wrote; the user's file."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal as Usd
from pathlib import Path

import pytest

from leadline.book.errors import BadInput
from leadline.storage.access.connect import Connection
from leadline.storage.spend import prices
from leadline.storage.spend.prices import BOOK, Seeded, read_prices
from tests.storage.spend.plans import NOON, price

ROWS = len(read_prices(BOOK))

ONE = """
[[price]]
provider = "acme"
model = "a"
valid_from = 2026-01-01
input = 1
output = 2.5
source = "their page"
checked_at = 2026-05-01
"""


def book(folder: Path, text: str = ONE) -> Path:
    path = folder / "prices.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def empty(con: Connection) -> Connection:
    con.execute("DELETE FROM prices")
    return con


def test_the_four_models_have_both_tariffs_and_the_local_one_costs_nothing(empty: Connection) -> None:
    assert prices.seed(empty) == Seeded(added=ROWS)
    flat = {"gpt-4.1": "8", "claude-sonnet-4.5": "15", "gemini-2.5-flash": "2.5", "deepseek-v3.2": "0.42"}
    for model, usd in flat.items():
        found = prices.find(empty, "holysheep", model, NOON)
        assert (found.input, found.output, found.cached) == (Usd(usd), Usd(usd), None)
    listed = [("openai", "gpt-4.1"), ("anthropic", "claude-sonnet-4-5"), ("google", "gemini-2.5-flash"),
              ("deepseek", "deepseek-v3.2")]  # fmt: skip
    for provider, model in listed:
        found = prices.find(empty, provider, model, NOON)
        assert found.cached is not None
        assert found.cached < found.input < found.output
    assert prices.find(empty, "local", "whatever", NOON).worst_case(1_000, 1_000) == 0
    assert prices.find(empty, "holysheep", "gpt-4.1", NOON).shutdown_at == dt.datetime(2027, 1, 14)  # noqa: DTZ001


def test_seeding_again_changes_nothing(empty: Connection) -> None:
    prices.seed(empty)
    assert prices.seed(empty) == Seeded()


def test_a_newer_book_replaces_what_it_knew_and_forgets_the_rest(empty: Connection, tmp_path: Path) -> None:
    both = ONE + ONE.replace('"a"', '"b"')
    assert prices.seed(empty, book(tmp_path, both)) == Seeded(added=2)
    assert prices.seed(empty, book(tmp_path, ONE.replace("2.5", "3"))) == Seeded(changed=1, removed=1)
    assert prices.find(empty, "acme", "a", NOON).output == 3


def test_a_row_changed_by_hand_is_the_users_and_stays(empty: Connection, tmp_path: Path) -> None:
    prices.seed(empty, book(tmp_path))
    empty.execute("UPDATE prices SET output = 7")
    assert prices.seed(empty, book(tmp_path, ONE.replace("2.5", "3"))) == Seeded()
    assert prices.find(empty, "acme", "a", NOON).output == 7
    assert empty.execute("SELECT book FROM prices").fetchall() == [(None,)]


def test_a_users_row_wins_though_it_is_older(empty: Connection, tmp_path: Path) -> None:
    prices.seed(empty, book(tmp_path))
    mine = price("acme", "a", valid_from=dt.datetime(2020, 1, 1), input=Usd("0.9"))  # noqa: DTZ001
    assert prices.load(empty, [mine]) == 1
    assert prices.find(empty, "acme", "a", NOON).input == Usd("0.9")
    assert prices.seed(empty, book(tmp_path)) == Seeded()


def test_its_own_row_wins_over_the_one_for_all_models(empty: Connection) -> None:
    prices.load(empty, [price("acme", "*", input=Usd(9)), price("acme", "a", input=Usd(2))])
    assert prices.find(empty, "acme", "a", NOON).input == 2
    assert prices.find(empty, "acme", "b", NOON).input == 9


def test_prices_are_dated(empty: Connection) -> None:
    noon = NOON.replace(tzinfo=None)
    earlier = price(valid_from=noon - dt.timedelta(days=9), valid_to=noon, input=Usd(1))
    later = price(valid_from=noon, input=Usd(2))
    prices.load(empty, [earlier, later])
    second = dt.timedelta(seconds=1)
    found = [prices.find(empty, "acme", "flat-1", moment).input for moment in (NOON - second, NOON)]
    assert found == [1, 2]
    assert [row["input"] for row in prices.shown(empty, NOON).dicts()] == [2]
    assert [row["input"] for row in prices.shown(empty, NOON, every=True).dicts()] == [1, 2]


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("input = 1", "input = -1", "price 1: .*input = -1: expected 0 to"),
        ("input = 1", 'input = "1"', "price 1: input = 1: expected a number"),
        ("input = 1", "input = 0.0000001", "at most 6 decimals"),
        ("input = 1", "input = nan", "expected a number"),
        ("input = 1", "", "price 1: missing input"),
        ("input = 1", "input = 1\ninputs = 2", "unknown key 'inputs'"),
        ("2026-01-01", '"soon"', "valid_from = 'soon': expected a date"),
        ('"a"', '" "', "model = ' ': expected a text"),
        ("output", 'peak_hours = "01-04"\noutput', "peak_hours and peak_factor belong together"),
        ("output", 'peak_hours = "1am"\npeak_factor = 2\noutput', "peak hours '1am'"),
        ("output", "valid_to = 2025-01-01\noutput", "is not after valid_from"),
        ("[[price]]", "[price]", "expected one"),
        ("[[price]]", "[[price", "not a readable TOML file"),
    ],
)
def test_a_file_that_cannot_be_is_refused_by_name(tmp_path: Path, old: str, new: str, wrong: str) -> None:
    with pytest.raises(BadInput, match=wrong):
        read_prices(book(tmp_path, ONE.replace(old, new, 1)))


def test_the_same_price_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="price 2: acme/a from 2026-01-01 00:00:00 stands twice"):
        read_prices(book(tmp_path, ONE + ONE))
    with pytest.raises(BadInput, match="no such file"):
        read_prices(tmp_path / "none.toml")
