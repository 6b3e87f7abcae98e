"""Lines as others write them: each is read to the nanosecond, or named with what was expected."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.storage.recordings.dialects import (
    CRYPTOFEED,
    OURS,
    TARDIS,
    UNITS_NS,
    Dialect,
    NotALine,
    compact,
    dialect_of,
)

FRAME = b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1790000000000,"s":"BTCUSDT"}}'
T0 = 1_790_000_000_000_000_000
SEED = b'{"lastUpdateId":7,"bids":[["1.0","2"]],"asks":[]}'


@pytest.mark.parametrize(
    ("dialect", "text", "ns"),
    [
        pytest.param(OURS, b"1790000000000000000 ", T0, id="ns"),
        pytest.param(OURS, b"1790000000000001 ", T0 + 1_000, id="us"),
        pytest.param(OURS, b"1790000000001 ", T0 + 1_000_000, id="ms"),
        pytest.param(OURS, b"1790000001 ", T0 + 1_000_000_000, id="s"),
        pytest.param(TARDIS, b"2026-09-21T14:13:20.0000001Z ", T0 + 100, id="Tardis, tenths of us"),
        pytest.param(TARDIS, b"2026-09-21T16:13:20+02:00 ", T0, id="a zone"),
        pytest.param(TARDIS, b"2026-09-21T14:13:20.5 ", T0 + 500_000_000, id="no zone is UTC"),
        pytest.param(CRYPTOFEED, b"1790000000.25: ", T0 + 250_000_000, id="decimal seconds"),
        pytest.param(CRYPTOFEED, b"1790000000: ", T0, id="whole seconds"),
    ],
)
def test_a_line_is_read_to_the_nanosecond(dialect: Dialect, text: bytes, ns: int) -> None:
    assert dialect_of([text + FRAME]) is dialect
    assert dialect.read(text + FRAME) == (ns, FRAME)


@given(st.integers(946_684_800, 4_102_444_799), st.sampled_from(sorted(UNITS_NS)), st.data())
def test_whatever_the_unit_the_time_is_the_same(second: int, unit: str, data: st.DataObject) -> None:
    per_s = UNITS_NS["s"] // UNITS_NS[unit]
    part = data.draw(st.integers(0, per_s - 1))
    text = str(second * per_s + part).encode()
    assert OURS.read(text + b" {}") == (second * UNITS_NS["s"] + part * UNITS_NS[unit], b"{}")


@given(st.integers(946_684_800 * 10**9, 4_102_444_799 * 10**9))
def test_decimal_seconds_and_iso_times_are_exact(ns: int) -> None:
    decimal = f"{Decimal(ns).scaleb(-9):.9f}".encode()
    assert CRYPTOFEED.read(decimal + b": {}") == (ns, b"{}")
    moment = dt.datetime.fromtimestamp(ns // 10**9, dt.UTC)
    iso = f"{moment:%Y-%m-%dT%H:%M:%S}.{ns % 10**9:09d}Z".encode()
    assert TARDIS.read(iso + b" {}") == (ns, b"{}")


@pytest.mark.parametrize(
    ("dialect", "text", "named"),
    [
        (OURS, b"17900 {}", "receive time 17900: expected s, ms, us or ns since 1970"),
        (OURS, b"99999999999999999999 {}", "receive time 99999999999999999999"),
        (OURS, b"soon {}", "expected '<ns> <json>', got b'soon {}'"),
        (OURS, b"1790000000 [1]", "expected '<time> <json>'"),
        (TARDIS, b"2026-13-21T00:00:00Z {}", "receive time 2026-13-21T00:00:00Z: month"),
        (TARDIS, b"yesterday {}", "receive time yesterday: expected a time such as 2026-01-31"),
        (CRYPTOFEED, b"1790: {}", "receive time 1790: expected"),
        (CRYPTOFEED, b"17.5: {}", "receive time 17.5: expected seconds since 1970"),
        (CRYPTOFEED, b"??", "expected '<s>: <json>' as cryptofeed writes it"),
    ],
)
def test_what_cannot_be_read_is_named(dialect: Dialect, text: bytes, named: str) -> None:
    with pytest.raises(NotALine) as caught:
        dialect.read(text)
    assert named in str(caught.value)


def test_cryptofeed_speaks_of_its_connection_and_of_rest() -> None:
    url = b"https://api.binance.com/api/v3/depth?symbol=BTCUSDT&limit=1000"
    header = b"configuration: {'BINANCE': ...}"
    assert dialect_of([header, b"wss://stream.binance.com:9443/stream <-> 1790000000.1"]) is CRYPTOFEED
    for silent in (header, b"wss://x/y <-> 1790000000.1", b'wss://x/y <- 1790000000.1: {"method":1}'):
        assert CRYPTOFEED.read(silent) is None
    got = CRYPTOFEED.read(url + b" -> 1790000000.5: " + SEED)
    assert got == (T0 + 500_000_000, b'{"stream":"btcusdt@snapshot","data":' + SEED + b"}")


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(TEXT, JSON, max_size=4), st.sampled_from([None, 1, 4]), st.booleans())
def test_blanks_between_tokens_go_and_nothing_else(
    message: dict[str, Any], indent: int | None, ascii_only: bool
) -> None:
    spaced = json.dumps(message, indent=indent, ensure_ascii=ascii_only).replace("\n", " ").encode()
    told = compact(spaced)
    assert json.loads(told) == message
    if "stream" not in message:  # else it may have come first
        assert told == json.dumps(message, separators=(",", ":"), ensure_ascii=ascii_only).encode()


def test_numbers_keep_their_digits() -> None:
    assert compact(b'{ "p" : 1.10000, "q":"0.50" }') == b'{"p":1.10000,"q":"0.50"}'


def test_the_stream_comes_before_its_data() -> None:
    assert compact(b'{"data":{"u": 1}, "stream":"a@trade"}') == b'{"stream":"a@trade","data":{"u":1}}'


def test_what_is_no_json_stays_as_it_is() -> None:
    assert compact(b'{"p": 1.') == b'{"p": 1.'


def test_the_empty_third_element_of_a_level_goes_and_no_other() -> None:
    assert compact(b'{"b":[["1.0","2",[]],["3","4"]],"a":[]}') == b'{"b":[["1.0","2"],["3","4"]],"a":[]}'
    assert compact(b'{"x":["a",[]]}') == b'{"x":["a",[]]}'
