"""The proofs about signals and money can fail, each for its reason."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from leadline.flows.config.settings import Settings
from leadline.flows.demo import signal_proofs
from leadline.flows.demo.signals import Rounds, embedded_model
from leadline.storage.access.connect import Connection, connect
from leadline.storage.signals import rows
from leadline.storage.spend import ledger, prices
from tests.storage.signals.market import EPOCH, Stored
from tests.storage.signals.test_rows import decision
from tests.storage.spend.plans import outcome, plan, price

SYMBOLS = ("BTCUSDT", "ETHUSDT")


class Venue:
    """Knows one best bid and ask at every id."""

    def __init__(self, ask: str = "101") -> None:
        self.book = [(Decimal(100), Decimal(1))], [(Decimal(ask), Decimal(1))]

    def at(self, symbol: str, update_id: int) -> Any:
        return self.book


@pytest.fixture
def con(tmp_path: Path) -> Iterator[Connection]:
    with connect(tmp_path / "x.duckdb", write=True) as made:
        prices.load(made, [price()])
        yield made


def rounds(con: Connection, *symbols: str, provider: str = "local") -> Rounds:
    """Rounds in which the model answered for these symbols, on books that were trusted."""
    made = Rounds(Settings(symbols=SYMBOLS, llm_provider=provider))
    for symbol in SYMBOLS:
        Stored(con, symbol).quiet_book()
    made.decided += [
        decision(
            symbol, symbol=symbol, outcome="ok", direction="neutral", confidence=0.5, epoch=EPOCH,
            last_id=30, mid_at_snapshot=100.5,
        )
        for symbol in symbols
    ]  # fmt: skip
    rows.put(con, made.decided)
    return made


def test_signals_of_two_symbols_at_the_venues_mid(con: Connection) -> None:
    made = rounds(con, *SYMBOLS)
    proof = signal_proofs.signals(con, Venue(), made)  # type: ignore[arg-type]
    assert proof.holds, proof.figures
    assert "2 ok, 2 symbols" in proof.figures
    assert made.is_enough
    lied = signal_proofs.signals(con, Venue("103"), made)  # type: ignore[arg-type]
    assert (lied.holds, "venue 101.5" in lied.figures) == (False, True)


@pytest.mark.parametrize(("venue", "holds"), [("loopback-bybit-linear", True), ("loopback-spot", False)])
def test_a_mid_may_be_a_later_tops_where_tops_have_ids_of_their_own(
    con: Connection, venue: str, holds: bool
) -> None:
    made = rounds(con, *SYMBOLS)
    for table in ("signals", "coverage"):
        con.execute(f"UPDATE {table} SET venue = $venue", {"venue": venue})
    con.execute("DELETE FROM book_tickers")
    assert not signal_proofs.signals(con, Venue("103"), made).holds  # type: ignore[arg-type]
    con.execute(
        "INSERT INTO book_tickers BY NAME SELECT DISTINCT venue, symbol, "
        "ts - INTERVAL 10 MILLISECOND AS ts_recv, epoch_ns(ts) AS recv_ns, 7 AS update_id, "
        "100.0 AS bid_px, 1.0 AS bid_qty, 101.0 AS ask_px, 1.0 AS ask_qty FROM signals"
    )
    proof = signal_proofs.signals(con, Venue("103"), made)  # type: ignore[arg-type]
    assert proof.holds is holds, proof.figures


def test_one_symbol_is_not_enough(con: Connection) -> None:
    made = rounds(con, "BTCUSDT")
    proof = signal_proofs.signals(con, Venue(), made)  # type: ignore[arg-type]
    assert not made.is_enough
    assert (proof.holds, "answered for 1 symbols, expected 2" in proof.figures) == (False, True)


def test_a_failed_run_is_a_failed_proof(con: Connection) -> None:
    made = rounds(con, *SYMBOLS)
    made.failed.append("BTCUSDT: Failed")
    assert not signal_proofs.signals(con, Venue(), made).holds  # type: ignore[arg-type]


def test_spend_is_tokens_times_price(con: Connection) -> None:
    settings = Settings(llm_budget_usd_per_day=Decimal(1))
    assert not signal_proofs.spend(con, settings, asked=True).holds
    assert signal_proofs.spend(con, settings, asked=False).holds
    one = plan("c")
    ledger.reserve(con, one, default_usd_per_day=Decimal(1))
    ledger.settle(con, outcome(one), now=one.ts)
    proof = signal_proofs.spend(con, settings, asked=True)
    assert proof.holds, proof.figures
    assert "1 calls, 750 tokens, 0.00075 USD" in proof.figures
    con.execute("UPDATE llm_calls SET prompt_tokens = 701")
    assert not signal_proofs.spend(con, settings, asked=True).holds


def test_without_the_embedded_model_the_baselines_speak_alone(tmp_path: Path, con: Connection) -> None:
    said: list[str] = []
    missing = Settings(home=tmp_path / "home", local_gguf=tmp_path / "none.gguf", symbols=SYMBOLS)
    with embedded_model(missing, said.append) as settings:
        assert settings.llm_provider == "none"
    assert "none.gguf: no such file of weights" in said[0]
    made = rounds(con, provider="none")
    made.decided += [decision(s, symbol=s, kind="baseline", outcome="ok") for s in SYMBOLS]
    assert (made.asks_model, made.is_enough) == (False, True)
