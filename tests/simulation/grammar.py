"""
What may happen in a life: drawn, not listed. A plan is data: it can be shrunk, printed and replayed.

    plan   = market, settings, moves            move  = a time, a kind, and what the kind wants
    moves  come alone or in storms: several within a few seconds, whatever their kinds

Every kind can meet every other: a clock may step while a stream is down, a quiet pair may halt in a ban, a
kill may come into a slow store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from random import Random
from typing import Any, TypeAlias

from leadline.book.synthetic.specs import Kind
from leadline.tasks.loopback.base.faults import FaultKind

K = FaultKind
Args: TypeAlias = dict[str, Any]

BASES = ("BTC", "ETH", "SOL", "XRP", "DOGE", "PEPE", "LTC", "LL100", "LL101")
SETTLE_S = 80.0  # without a new fault at the end of a life
NEVER_LISTED = "NOSUCH"


@dataclass(frozen=True, slots=True)
class MarketPlan:
    """One symbol: how many changes a second, and about how many levels a side."""

    symbol: str
    events_per_s: float
    levels: int
    opens_s: float = 0.0  # in a pause (BREAK) until then


@dataclass(frozen=True, slots=True)
class Move:
    """One thing that happens, ``at_s`` seconds into the life."""

    at_s: float
    kind: str
    args: Args

    def words(self) -> str:
        """Tell it."""
        said = ", ".join(f"{name} {value}" for name, value in self.args.items() if value not in ("", None))
        return f"{self.at_s:8.2f} s  {self.kind}" + (f" ({said})" if said else "")


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole life before it is lived."""

    seed: int
    kind: str
    markets: tuple[MarketPlan, ...]
    moves: tuple[Move, ...]
    life_s: float
    start_s: float  # time of day
    offset_s: float  # our wall clock at the start, ahead of the truth
    engine: str
    legs: int
    line_s: float
    audit_every_s: float
    status_every_s: float
    flush_every_s: float
    store_every_s: float
    sample_every_s: float
    look_every_s: float
    stale_s: float
    small_batches: bool
    weight_limit: int | None
    unknown: tuple[str, ...] = ()
    lie_every: int = 0  # one of so many book tickers of a symbol lies, until the faults are over; 0: none
    snapshot_lag: int = 0  # updates by which the id of an audit's snapshot lags behind what it lists

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols that the stream is asked for."""
        return (*(each.symbol for each in self.markets), *self.unknown)

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Plan:
        """Read what `as_json` gave."""
        made = {**raw, "markets": tuple(MarketPlan(**each) for each in raw["markets"])}
        made["moves"] = tuple(Move(**each) for each in raw["moves"])
        return cls(**(made | {"unknown": tuple(raw["unknown"])}))

    def words(self) -> str:
        """Tell the life in lines."""
        markets = ", ".join(
            f"{each.symbol} {each.events_per_s:g}/s"
            + (f" (opens at {each.opens_s:g} s)" if each.opens_s else "")
            for each in self.markets
        )
        head = (
            f"seed {self.seed}: {self.kind}, {self.life_s:g} s, {markets}"
            + (f"; never listed: {', '.join(self.unknown)}" if self.unknown else "")
            + f"\n  our clock {self.offset_s:+g} s, line {self.line_s:g} s, "
            f"{self.legs} leg(s), {self.engine} engine, "
            f"store every {self.store_every_s:g} s, audits every {self.audit_every_s:g} s"
            + (f"; one ticker in {self.lie_every} lies" if self.lie_every else "")
            + (f"; audits' ids lag by {self.snapshot_lag} updates" if self.snapshot_lag else "")
        )
        return "\n".join([head, *(f"  {move.words()}" for move in self.moves)])


# -- what is drawn ---------------------------------------------------------------------------------

Draw: TypeAlias = Callable[[Random, list[str]], Args]


def _symbol(rng: Random, symbols: list[str]) -> Args:
    return {"symbol": rng.choice(symbols)}


def _some(most: int, seconds: float = 0.0, streams: tuple[str, ...] = ("depth",)) -> Draw:
    """Draw a fault on a stream: which, how many messages, for how long."""

    def draw(rng: Random, symbols: list[str]) -> Args:
        args = {**_symbol(rng, symbols), "stream": rng.choice(streams), "n": rng.randint(1, most)}
        return args | ({"seconds": round(rng.uniform(0.1, 1.0) * seconds, 2)} if seconds else {})

    return draw


def _for(least_s: float, most_s: float, **more: Any) -> Draw:
    def draw(rng: Random, symbols: list[str]) -> Args:
        return {"seconds": round(rng.uniform(least_s, most_s), 2), **more}

    return draw


def _step(rng: Random, symbols: list[str]) -> Args:
    size = rng.choice((0.05, 0.5, 2.0, 5.0, 20.0, 60.0, 600.0, 3600.0)) * rng.uniform(0.5, 1.5)
    return {"seconds": round(size * rng.choice((-1, 1)), 3)}


def _restart(rng: Random, symbols: list[str]) -> Args:
    how = rng.choice(("stop", "kill", "kill", "torn"))
    return {"how": how, "down_s": round(rng.choice((0.1, 1.0, 5.0, 30.0)) * rng.uniform(0.5, 1.5), 2)}


def _which(rng: Random, symbols: list[str]) -> Args:
    return {"which": rng.choice(("all", "oldest", "newest"))}


def _rest(rng: Random, symbols: list[str]) -> Args:
    return {"n": rng.randint(1, 4), "seconds": round(rng.uniform(0.5, 8.0), 1)}


def _ban(rng: Random, symbols: list[str]) -> Args:
    return {"seconds": round(rng.uniform(5, 60), 1)}


def _halt(rng: Random, symbols: list[str]) -> Args:
    status = rng.choice(("HALT", "BREAK"))
    return {**_symbol(rng, symbols), "text": status, "seconds": round(rng.uniform(2, 60), 1)}


def _side(rng: Random, symbols: list[str]) -> Args:
    return {
        **_symbol(rng, symbols),
        "text": rng.choice(("bids", "asks")),
        "seconds": round(rng.uniform(1, 15), 1),
    }


def _shock(rng: Random, symbols: list[str]) -> Args:
    kind = rng.choice(("bids", "asks", "spread"))
    return {**_symbol(rng, symbols), "text": kind, "seconds": round(rng.uniform(0.5, 4), 1)}


def _weather(rng: Random, symbols: list[str]) -> Args:
    what = rng.choice(("left_out", "left_out", "late", "conflated"))
    much = {
        "left_out": rng.choice((0.02, 0.3, 0.7)),
        "late": rng.uniform(0.02, 1.0),
        "conflated": rng.randint(2, 6),
    }
    return {
        **_symbol(rng, symbols),
        "what": what,
        "much": round(much[what], 3),
        "seconds": round(rng.uniform(5, 90), 1),
    }


def _lost_trades(rng: Random, symbols: list[str]) -> Args:
    return {**_symbol(rng, symbols), "seconds": round(rng.uniform(2, 40), 1)}


def _doubt(rng: Random, symbols: list[str]) -> Args:
    return {"n": rng.randint(1, 3), "is_stored": rng.random() < 0.5}


def _handover(rng: Random, symbols: list[str]) -> Args:
    """Draw who dies on the way, if anybody does, and how long after the successor was started."""
    return {"dies": rng.choice(("", "", "", "old", "new")), "after_s": round(rng.uniform(0.2, 6.0), 2)}


TICKER_OR_TRADE = ("bookTicker", "trade")
# How often (relative), and what is drawn; loopback faults go by the names they have there.
GRAMMAR: dict[str, tuple[int, Draw]] = {
    "clock_step": (12, _step),
    "restart": (9, _restart),
    "handover": (5, _handover),
    "slow_store": (5, _for(2, 60)),
    "full_disk": (3, _for(1, 30)),
    "doubtful_commit": (3, _doubt),
    "weather": (7, _weather),
    "lost_trades": (3, _lost_trades),
    "delist": (1, _symbol),
    "drop_symbol": (1, _symbol),
    K.DROP: (8, _some(3)),
    K.DUPLICATE: (4, _some(3, streams=("depth", "bookTicker", "trade"))),
    K.REORDER: (4, _some(1, streams=("depth", "bookTicker"))),
    K.DELAY: (3, _some(1, 2.0)),
    K.MUTE: (2, _some(1, 20.0)),
    K.TRUNCATED: (2, _some(1, streams=("depth", "bookTicker", "trade"))),
    K.CROSSED: (2, _some(1)),
    K.LOST_EVENT: (1, _some(1)),
    K.LOST_LEVEL: (1, _some(1)),
    K.WRONG_SIDE: (1, _some(1)),
    K.STALE_QTY: (1, _some(1)),
    K.WRONG_QTY: (1, _some(1)),
    K.CUT: (6, _which),
    K.CLOSE: (2, _which),
    K.SHUTDOWN: (2, _for(0.5, 5)),
    K.LAG: (2, _for(0.2, 6, which="oldest")),
    K.GARBAGE: (1, _which),
    K.BINARY: (1, _which),
    K.NO_PONG: (1, _for(1, 30)),
    K.DEMAND_PONG: (1, _for(1, 10)),
    K.REFUSE: (2, _for(1, 30)),
    K.SILENCE: (1, _some(1)),
    K.REST_429: (2, _rest),
    K.REST_418: (2, _ban),
    K.REST_5XX: (2, _rest),
    K.REST_SLOW: (2, _rest),
    K.REST_GARBAGE: (1, _rest),
    K.REST_CUT: (1, _rest),
    K.LATE_SNAPSHOT: (2, _rest),
    K.STALE_SNAPSHOT: (2, _rest),
    K.ONE_SIDED: (2, _side),
    K.STATUS: (4, _halt),
    K.SHOCK: (2, _shock),
}  # fmt: skip
OWN_MOVES = frozenset(kind for kind in GRAMMAR if not isinstance(kind, FaultKind))


def draw_plan(seed: int, *, is_short: bool = False) -> Plan:
    """Draw a life; a short one has fewer symbols and ends within minutes."""
    rng = Random(f"{seed}:plan")
    kind = rng.choice((Kind.SPOT, Kind.SPOT, Kind.SPOT, Kind.USDM, Kind.COINM))
    life_s = rng.uniform(40, 140) if is_short else rng.uniform(1300, 2300)
    markets = _draw_markets(rng, kind, life_s, is_short=is_short)
    symbols = [each.symbol for each in markets]
    moves = _draw_moves(rng, symbols, life_s, most=7 if is_short else 26)
    unknown = (_name(kind, NEVER_LISTED),) if rng.random() < 0.04 else ()
    return Plan(
        seed=seed,
        kind=str(kind),
        markets=tuple(markets),
        moves=tuple(moves),
        life_s=round(life_s + SETTLE_S, 1),
        start_s=round(rng.uniform(0, 86_000), 1),
        offset_s=round(rng.choice((0.0, 0.0, rng.uniform(-0.2, 0.2), rng.uniform(-5, 5))), 3),
        engine=rng.choice(("compiled", "compiled", "plain")),
        legs=rng.choice((1, 1, 1, 2)),
        line_s=round(rng.choice((0.002, 0.03, 0.15)), 3),
        audit_every_s=rng.choice((0.0, 60.0, 300.0)),
        status_every_s=rng.choice((30.0, 300.0)),
        flush_every_s=rng.choice((1.0, 2.0)),
        store_every_s=rng.choice((3.0, 8.0, 14.0) if is_short else (6.0, 14.0, 20.0)),
        sample_every_s=rng.choice((5.0, 15.0)) * (1 if is_short else 3),
        look_every_s=15.0 if is_short else 60.0,
        stale_s=rng.choice((5.0, 30.0)),
        small_batches=rng.random() < 0.3,
        weight_limit=rng.choice((None, None, None, 1200)),
        unknown=unknown,
        **_draw_witnesses(seed),
    )


def _draw_witnesses(seed: int) -> dict[str, int]:
    """Draw how the venue's own word errs, from a generator of its own: lives are what they were before."""
    rng = Random(f"{seed}:said")
    return {"lie_every": rng.choice((0, 0, 0, 0, 0, 25)), "snapshot_lag": rng.choice((0, 0, 0, 0, 4, 9))}


def _draw_markets(rng: Random, kind: Kind, life_s: float, *, is_short: bool) -> list[MarketPlan]:
    names = rng.sample(BASES, rng.randint(2, 3) if is_short else rng.randint(4, 6))
    busiest = rng.uniform(3, 12) if is_short else rng.uniform(3, 9)
    markets = []
    for rank, base in enumerate(names):
        rate = busiest / 4**rank if rng.random() < 0.8 else busiest / 50
        rate = rng.choice((0.02, 0.1)) if rank and rng.random() < 0.25 else rate
        opens_s = round(rng.uniform(5, life_s / 2), 1) if rng.random() < 0.05 else 0.0
        markets.append(MarketPlan(_name(kind, base), round(rate, 4), rng.choice((30, 60, 150)), opens_s))
    return markets


def _name(kind: Kind, base: str) -> str:
    return f"{base}USD_PERP" if kind is Kind.COINM else f"{base}USDT"


def _draw_moves(rng: Random, symbols: list[str], life_s: float, *, most: int) -> list[Move]:
    kinds, weights = list(GRAMMAR), [weight for weight, _ in GRAMMAR.values()]
    moves: list[Move] = []
    wanted = rng.randint(1, most)
    while len(moves) < wanted:
        at_s = rng.uniform(3.0, life_s)
        for _ in range(rng.choice((1, 1, 2, 3, 4))):
            (kind,) = rng.choices(kinds, weights)
            moves.append(Move(round(at_s, 2), str(kind), GRAMMAR[kind][1](rng, symbols)))
            at_s = min(life_s, at_s + rng.expovariate(1 / 3.0))
    return sorted(moves, key=lambda move: move.at_s)


def without(plan: Plan, moves: list[Move]) -> Plan:
    """Return the plan with these moves only."""
    return replace(plan, moves=tuple(moves))
