"""What the frames of a recording are about, and how the scales of its symbols are found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from leadline.book.scale import Scale
from leadline.book.venues.binance import specs
from leadline.flows.recordings.files import survey
from leadline.storage.recordings.reader import BadRecording, Recording
from tests.recordings import COINM_BTC, SPOT_BTC, USDM_BTC, recording

T0 = 1_700_000_000_000_000_000
DIFF = (
    b'1700000000000001000 {"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1700000000000,'
    b'"s":"BTCUSDT","U":5,"u":6,"b":[["61737.60000000","0.00000000"]],'
    b'"a":[["61837.64000000","1.50000000"]]}}\n'
)
TICKER = (
    b'1700000000000002000 {"stream":"btcusdt@bookTicker","data":{"u":6,"s":"BTCUSDT",'
    b'"b":"1.00","B":"3.123","a":"2.00","A":"1.54698000"}}\n'
)
SNAPSHOT = b'1700000000000003000 {"lastUpdateId":5,"bids":[["61737.60000000","0.10000000"]],"asks":[]}\n'
OTHER = DIFF.replace(b"btcusdt", b"ethusdt").replace(b"BTCUSDT", b"ETHUSDT")


def write(path: Path, *lines: bytes) -> Path:
    path.write_bytes(b"".join(lines))
    return path


def test_the_scale_is_as_fine_as_the_finest_number_and_no_finer(tmp_path: Path) -> None:
    found = survey(Recording([write(tmp_path / "a", DIFF, SNAPSHOT, TICKER)]), specs.SPOT)
    assert found.scales == {"BTCUSDT": Scale(2, 5)}
    assert found.times == {"BTCUSDT": (T0 + 1000, T0 + 3000)}
    assert found.lines == 3


def test_exchange_info_sets_the_scale_unless_a_number_is_finer(tmp_path: Path) -> None:
    info = (
        b'1700000000000000001 {"timezone":"UTC","symbols":['
        b'{"symbol":"BTCUSDT","status":"TRADING","filters":['
        b'{"filterType":"PRICE_FILTER","tickSize":"0.00010000"},'
        b'{"filterType":"LOT_SIZE","stepSize":"0.10000000"}]}]}\n'
    )
    found = survey(Recording([write(tmp_path / "a", info, DIFF, TICKER)]), specs.SPOT)
    assert found.scales == {"BTCUSDT": Scale(4, 5)}


def info(*symbols: dict[str, object], ts: int = 1) -> bytes:
    body = json.dumps({"timezone": "UTC", "symbols": symbols}, separators=(",", ":"))
    return b"%d %s\n" % (T0 + ts, body.encode())


def listed(symbol: str, **changes: object) -> dict[str, object]:
    filters = [
        {"filterType": "PRICE_FILTER", "tickSize": "0.00010000"},
        {"filterType": "LOT_SIZE", "stepSize": "0.10000000"},
    ]
    return {"symbol": symbol, "status": "TRADING", "filters": filters} | changes


@pytest.mark.parametrize(
    "bad",
    [
        listed("ETHUSDT", filters=[]),
        listed("ETHUSDT", status=None),
        listed("ETHUSDT", filters=[{"filterType": "PRICE_FILTER", "tickSize": 0.1}]),
        listed("GONEUSDT"),
        {"symbol": 7},
    ],
)
def test_one_symbol_s_listing_is_its_own_trouble(tmp_path: Path, bad: dict[str, object]) -> None:
    file = write(tmp_path / "a", info(listed("BTCUSDT"), bad), DIFF, OTHER)
    found = survey(Recording([file]), specs.SPOT)
    assert found.scales == {"BTCUSDT": Scale(4, 1), "ETHUSDT": Scale(2, 1)}
    rows = {row.symbol: row for row in found.listings}
    assert (rows["BTCUSDT"].tick_size, rows["BTCUSDT"].reason) == ("0.00010000", "")
    if bad["symbol"] == "ETHUSDT":
        assert "ETHUSDT" in rows["ETHUSDT"].reason
        assert rows["ETHUSDT"].tick_size is None
    else:
        assert rows.keys() == {"BTCUSDT"}


def test_a_change_of_a_listing_is_a_row_and_one_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    lines = (
        info(listed("BTCUSDT"), ts=1),
        DIFF,
        info(listed("BTCUSDT"), ts=5),
        b'%d {"timezone":"UTC","symbols":[{"symbol"\n' % (T0 + 6),
        info(listed("BTCUSDT", status="HALT"), ts=7),
    )
    found = survey(Recording([write(tmp_path / "a", *lines)]), specs.SPOT)
    assert [(row.ts_ns - T0, row.status) for row in found.listings] == [(1, "TRADING"), (7, "HALT")]
    ((line, why),) = found.unread
    assert (line.number, why[:14]) == (4, "exchangeInfo: ")


def test_a_number_that_fits_no_scale_is_one_symbol_s_trouble(tmp_path: Path) -> None:
    wild = OTHER.replace(b"61837.64000000", b"1.0000000000000000001")
    found = survey(Recording([write(tmp_path / "a", DIFF, wild, TICKER)]), specs.SPOT)
    assert found.scales["BTCUSDT"] == Scale(2, 5)
    assert "ETHUSDT" in found.scales


def test_a_nameless_snapshot_needs_a_single_symbol(tmp_path: Path) -> None:
    file = write(tmp_path / "a", DIFF, OTHER, SNAPSHOT)
    with pytest.raises(BadRecording) as caught:
        survey(Recording([file]), specs.SPOT)
    assert str(caught.value).startswith(f"{file}:3: a snapshot that does not name its symbol")
    assert "BTCUSDT, ETHUSDT" in str(caught.value)
    named = SNAPSHOT.replace(b'"bids"', b'"symbol":"ETHUSDT","bids"')
    assert list(survey(Recording([write(file, DIFF, OTHER, named)]), specs.SPOT).scales) == [
        "BTCUSDT",
        "ETHUSDT",
    ]


def test_a_recording_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRecording, match="no frame of any symbol"):
        survey(Recording([write(tmp_path / "a", b"x\n")]), specs.SPOT)


@pytest.mark.recordings
@pytest.mark.parametrize(
    ("name", "symbol", "scale"),
    [
        (SPOT_BTC, "BTCUSDT", Scale(2, 6)),
        (USDM_BTC, "BTCUSDT", Scale(1, 3)),
        (COINM_BTC, "BTCUSD_PERP", Scale(1, 0)),
    ],
)
def test_real_recordings(name: str, symbol: str, scale: Scale) -> None:
    assert survey(Recording([recording(name)]), specs.SPOT).scales == {symbol: scale}
