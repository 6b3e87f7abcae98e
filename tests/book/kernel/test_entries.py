"""The compiled scanners and the compiled side, each against the readable code that says what is right."""

from __future__ import annotations

from decimal import Decimal
from functools import cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from leadline.book.engine.factory import has_numba
from leadline.book.errors import BadInput
from leadline.book.scale import INT64_MAX, parse_scaled

if not has_numba():
    pytest.skip("numba is not installed here", allow_module_level=True)

import numpy as np

from leadline.book.engine.compiled_ladder import CompiledLadder, RawDiff
from leadline.book.kernel import accept
from leadline.book.kernel import ladder as kernel_side
from leadline.book.kernel import parse as kernel_parse
from leadline.book.rows.batch import Batch, Market
from leadline.book.scale import Scale
from leadline.book.sync.rules import SequenceRule
from leadline.book.venues.binance.scanner import scanner
from leadline.book.venues.binance.sequence import FUTURES, SPOT

WORK = np.zeros(kernel_side.WORK_ROOM, np.int64)
HEAD = b'{"lastUpdateId":7,"bids":['
TAIL = b'],"asks":[]}'


def ladder(scale: Scale, symbol: str = "BTCUSDT", rule: SequenceRule = SPOT) -> CompiledLadder:
    return CompiledLadder(3, Market("loopback", symbol, scale, rule), 1_000_000)


# -- numbers ---------------------------------------------------------------------------------------


@cache
def state_of(scale: Scale) -> np.ndarray:
    return ladder(scale).state


def read_level(price: str, quantity: str, scale: Scale, *, padding: bytes = b"") -> tuple[int, int] | None:
    """Scan a snapshot of one bid; None where the kernel leaves it to book.decode."""
    body = HEAD + f'["{price}","{quantity}"]'.encode() + TAIL + padding
    out = np.zeros(len(body), np.int64)
    if scanner().read_snapshot(body, state_of(scale), out):
        return None
    assert state_of(scale)[kernel_side.BIDS_FOUND] == 1
    return int(out[0]), int(out[1])


NUMBERS = st.from_regex(r"[0-9]{1,20}(\.[0-9]{0,20})?|[0-9.]{0,4}", fullmatch=True)


@settings(max_examples=300, deadline=None)
@given(text=NUMBERS, decimals=st.integers(0, 18))
@example(text="0.00000000", decimals=8)
@example(text="61737.63000000", decimals=2)
@example(text="25.42618900", decimals=5)
@example(text=str(INT64_MAX), decimals=0)
@example(text=str(INT64_MAX + 1), decimals=0)
@example(text="92233720368.54775807", decimals=8)
@example(text="92233720368.54775808", decimals=8)
@example(text="9223372036.854775807000", decimals=9)
@example(text="00000000000000000000005.5", decimals=1)
def test_decimal_text(text: str, decimals: int) -> None:
    """What the kernel reads is what parse_scaled reads; what that refuses, the kernel never accepts."""
    got = read_level(text, "1", Scale(decimals, 0))
    try:
        expected = parse_scaled(text, decimals)
    except BadInput:
        assert got is None
        return
    assert got in (None, (expected, 1))
    if "." in text and not text.endswith("."):
        assert got == (expected, 1), "a plain decimal is not left to the slow way"


@pytest.mark.parametrize("zero", ["0", "0.000", "0.00000000", "0000000000000"])
def test_zero_is_zero_in_every_spelling(zero: str) -> None:
    body = HEAD + f'["2.00","1.5"],["1.00","{zero}"]'.encode() + TAIL
    out = np.zeros(len(body), np.int64)
    assert scanner().read_snapshot(body, state_of(Scale(2, 2)), out) == 0
    assert state_of(Scale(2, 2))[kernel_side.BIDS_FOUND] == 1  # an empty level is none


@given(decimals=st.integers(0, 8), whole=st.integers(1, 9 * 10**10), fraction=st.integers(0, 10**8 - 1))
@settings(max_examples=120, deadline=None)
def test_eight_decimals_as_spot_writes_them(decimals: int, whole: int, fraction: int) -> None:
    fraction -= fraction % 10 ** (8 - decimals)
    text = f"{whole}.{fraction:08d}"
    assert read_level("1", text, Scale(0, decimals)) == (1, int(Decimal(text).scaleb(decimals)))


def test_a_number_off_the_scale_is_left_to_the_door() -> None:
    assert read_level("61737.63100000", "1.0", Scale(2, 1)) is None
    assert read_level("61737.63", "1.01", Scale(2, 1)) is None
    assert read_level("61737.63", "1.00", Scale(2, 1)) == (6173763, 10)


# -- whole messages --------------------------------------------------------------------------------

DEPTH = (
    b'{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":5,"u":9,'
    b'"b":[["61737.63","0.5"]],"a":[["61837.64","1.5"],["61839.00","0.0"]]}'
)


def scan(frame: bytes, rule: SequenceRule = SPOT, symbol: str = "BTCUSDT") -> int:
    return scanned(frame, rule, symbol)[0]


def scanned(frame: bytes, rule: SequenceRule = SPOT, symbol: str = "BTCUSDT") -> tuple[int, list[int]]:
    state = ladder(Scale(2, 1), symbol, rule).state
    code = scanner().receive_depth(frame, 0, state, Batch([]).flat, WORK, 1, 0)
    return code, state[kernel_side.FIRST : kernel_side.ASKS_FOUND + 1].tolist()


def test_a_depth_update_is_scanned() -> None:
    code, found = scanned(DEPTH)
    assert code == accept.SCANNED  # the book is not ready, so it is for book.sync
    assert found == [5, 9, -1, 1723161255208_000_000, 1, 2]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(b'"U":5,', b"", id="no-U"),
        pytest.param(b'"U":5,', b'"U":5,"U":5,', id="U-twice"),
        pytest.param(b'"u":9,', b'"u":9,"u":9,', id="u-twice"),
        pytest.param(b'"U":5,', b'"U":10,', id="U-above-u"),
        pytest.param(b'"U":5,', b'"U":05,', id="leading-zero"),
        pytest.param(b'"U":5,', b'"U":-5,', id="negative"),
        pytest.param(b'"U":5,', b'"U":5.0,', id="no-integer"),
        pytest.param(b'"U":5,', b'"U":1234567890123456789,', id="19-digits"),
        pytest.param(b'"u":9', b'"u": 9', id="space"),
        pytest.param(b"BTCUSDT", b"BTCUSD", id="shorter-symbol"),
        pytest.param(b"BTCUSDT", b"BTCUSDT2", id="longer-symbol"),
        pytest.param(b"BTCUSDT", b"ETHUSDT", id="other-symbol"),
        pytest.param(b"depthUpdate", b"depthUpdatf", id="other-kind"),
        pytest.param(b'E":1723161255208', b'E":9223372036855', id="time-past-2262"),
        pytest.param(b'"U":5,', b'"U":5,"x":{"y":1},', id="nested-unknown"),
        pytest.param(b'"U":5,', b'"U":5,"x":"a\\"b",', id="escape-in-unknown"),
        pytest.param(b'"U":5,', '"U":5,"x":"ä",'.encode(), id="non-ascii-unknown"),
        pytest.param(b'["61737.63","0.5"]', b'["61737.63","0.5","x"]', id="three-in-a-level"),
        pytest.param(b'["61737.63","0.5"]', b'["61737.63"]', id="one-in-a-level"),
        pytest.param(b'["61737.63","0.5"]', b'[61737.63,"0.5"]', id="bare-number"),
        pytest.param(b'["61737.63","0.5"]', b'["61737.63","0.5"],', id="comma-at-end"),
        pytest.param(b'["61737.63","0.5"]', b'["-1.00","0.5"]', id="negative-price"),
        pytest.param(b'["61737.63","0.5"]', b'["1e3","0.5"]', id="exponent"),
        pytest.param(b'"U":5,', b'"U":5,"\0":1,', id="control-byte-for-a-key"),
        pytest.param(b'"U":5,', b'"U":5,"\xff":1,', id="no-utf8-for-a-key"),
        pytest.param(b'"U":5,', b'"U":5,"\\":1,', id="backslash-for-a-key"),
        pytest.param(b'"U":5,', b'"U":5,""":1,', id="quote-for-a-key"),
        pytest.param(b'"U":5,', b'"U":5,"\xff\xfe":1,', id="no-utf8-for-a-key-of-two"),
        pytest.param(b'"b":[["61737.63","0.5"]],', b"", id="no-bids"),
        pytest.param(b'"b":', b'"B":', id="bids-under-another-name"),
    ],
)
def test_what_is_odd_is_left_to_the_door(old: bytes, new: bytes) -> None:
    assert DEPTH.count(old) == 1
    assert scan(DEPTH.replace(old, new)) == kernel_parse.ODD


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(b'"U":5,', b'"U":5,"T":17,"ps":"B","st":1,"x":null,"y":true,"z":false,', id="more"),
        pytest.param(b'["61737.63","0.5"]', b"", id="no-bid-changed"),
        pytest.param(b'"E":1723161255208,"s":"BTCUSDT",', b'"s":"BTCUSDT","E":1723161255208,', id="order"),
        pytest.param(b'"0.0"]]}', b'"0.0"]]}}, and so on', id="tail-ignored"),
    ],
)
def test_what_is_usual_is_not(old: bytes, new: bytes) -> None:
    assert DEPTH.count(old) == 1
    assert scan(DEPTH.replace(old, new)) == accept.SCANNED


def test_futures_need_pu() -> None:
    assert scan(DEPTH, FUTURES) == kernel_parse.ODD
    code, found = scanned(DEPTH.replace(b'"u":9,', b'"u":9,"pu":4,'), FUTURES)
    assert (code, found[2]) == (accept.SCANNED, 4)


def test_symbols_need_not_be_ascii() -> None:
    frame = DEPTH.replace(b"BTCUSDT", "币安人生USDT".encode())
    assert scan(frame, symbol="币安人生USDT") == accept.SCANNED
    assert scan(frame, symbol="币安人生USDC") == kernel_parse.ODD
    assert scan(frame.replace("币安人生USDT".encode(), b"X" * 70), symbol="X" * 70) == kernel_parse.ODD


# -- the side --------------------------------------------------------------------------------------


@st.composite
def updates(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Levels of a frame: sorted either way as the venue does, or in any order and said twice."""
    levels = draw(st.lists(st.tuples(st.integers(1, 120), st.integers(0, 3)), max_size=60))
    order = draw(st.sampled_from(["rising", "falling", "any"]))
    if order == "any":
        return levels
    return sorted(dict(levels).items(), reverse=order == "falling")


@settings(max_examples=120, deadline=None)
@given(frames=st.lists(st.tuples(updates(), updates()), max_size=12))
@example(frames=[([(n, 1) for n in range(1, 121)], []), ([(n, n % 2) for n in range(1, 121)], [])])
@example(frames=[([], [(5, 1), (9, 1)]), ([], [(4, 1), (5, 0), (6, 1), (9, 0), (12, 1)])])
@example(frames=[([(5, 1), (5, 0)], []), ([(5, 0), (5, 2)], [])])
def test_levels_against_dicts(frames: list[tuple[list, list]]) -> None:
    book = ladder(Scale(0, 0))
    true: tuple[dict[int, int], dict[int, int]] = ({}, {})
    for number, (bids, asks) in enumerate(frames):
        for side, levels in zip(true, (bids, asks), strict=True):
            side.update(levels)
            for price in [price for price, lots in side.items() if not lots]:
                del side[price]
        flat = np.array([*bids, *asks], np.int64).reshape(-1)
        book.apply(RawDiff(number, number, None, 0, 0, len(bids), len(asks), flat))
        assert book.top() == (sorted(true[0].items(), reverse=True), sorted(true[1].items()))


def test_a_frame_of_more_levels_than_there_are_places_to_note() -> None:
    book = ladder(Scale(0, 0))
    count = kernel_side.MOVES + 7
    for lots in (5, 6, 0):
        levels = np.array([(price, lots) for price in range(1, count + 1)], np.int64).reshape(-1)
        book.apply(RawDiff(1, 1, None, 0, 0, count, 0, levels))
        bids, asks = book.top()
        assert not asks
        assert bids == [(price, lots) for price in range(count, 0, -1) if lots]
