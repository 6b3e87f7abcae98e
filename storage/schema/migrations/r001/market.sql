CREATE TABLE markets (  -- one row per market that was ever streamed or imported
    venue VARCHAR,  -- venue and kind of market, such as binance-spot
    symbol VARCHAR,  -- symbol as the venue writes it, upper case
    rule VARCHAR NOT NULL,  -- how a diff joins the one before: contiguous (its first_id is at most that
        -- one's last_id + 1) or linked (its prev_id is that one's last_id)
    PRIMARY KEY (venue, symbol)
);

CREATE TABLE depth_diffs (  -- one row per diff applied to a book
    venue VARCHAR NOT NULL,  -- venue and kind of market, such as binance-spot
    symbol VARCHAR NOT NULL,  -- symbol as the venue writes it, upper case
    epoch BIGINT NOT NULL,  -- unbroken run from one seed: receipt of that seed, µs since 1970 UTC
    ts_event TIMESTAMP NOT NULL,  -- time of the event by the venue's clock, UTC
    ts_recv TIMESTAMP NOT NULL,  -- our clock at receipt, UTC
    recv_ns BIGINT NOT NULL,  -- our clock at receipt, ns since 1970 UTC
    first_id BIGINT NOT NULL,  -- U: first update id of the diff
    last_id BIGINT NOT NULL,  -- u: last update id of the diff
    prev_id BIGINT,  -- pu: last_id of the diff before; NULL where the venue sends none
    bid_px DOUBLE[] NOT NULL,  -- bid prices of changed levels, in quote units
    bid_qty DOUBLE[] NOT NULL,  -- their new quantities, in base units or contracts; 0 deletes
    ask_px DOUBLE[] NOT NULL,  -- ask prices of changed levels, in quote units
    ask_qty DOUBLE[] NOT NULL,  -- their new quantities, in base units or contracts; 0 deletes
    to_book_ns BIGINT  -- from receipt until the book had it, ns; NULL where not measured
);

CREATE TABLE seeds (  -- one row per book that later diffs apply to
    venue VARCHAR NOT NULL,  -- venue and kind of market, such as binance-spot
    symbol VARCHAR NOT NULL,  -- symbol as the venue writes it, upper case
    epoch BIGINT NOT NULL,  -- unbroken run from one seed: receipt of that seed, µs since 1970 UTC
    ts_event TIMESTAMP,  -- time of the event by the venue's clock, UTC; NULL where the venue sends none
    ts_recv TIMESTAMP NOT NULL,  -- our clock at receipt, UTC; of a rebuilt book: of its last diff
    recv_ns BIGINT NOT NULL,  -- our clock at receipt, ns since 1970 UTC
    last_id BIGINT NOT NULL,  -- lastUpdateId: the book is as it stood after this update
    bid_px DOUBLE[] NOT NULL,  -- all bid prices, best first, in quote units
    bid_qty DOUBLE[] NOT NULL,  -- their quantities, in base units or contracts
    ask_px DOUBLE[] NOT NULL,  -- all ask prices, best first, in quote units
    ask_qty DOUBLE[] NOT NULL,  -- their quantities, in base units or contracts
    source VARCHAR NOT NULL  -- venue: REST snapshot; rebuilt: by SQL from an older seed and its diffs
);

CREATE TABLE trades (  -- one row per trade the venue sent
    venue VARCHAR NOT NULL,  -- venue and kind of market, such as binance-spot
    symbol VARCHAR NOT NULL,  -- symbol as the venue writes it, upper case
    ts_event TIMESTAMP NOT NULL,  -- when it was sent, by the venue's clock, UTC
    ts_recv TIMESTAMP NOT NULL,  -- our clock at receipt, UTC
    recv_ns BIGINT NOT NULL,  -- our clock at receipt, ns since 1970 UTC
    ts_trade TIMESTAMP NOT NULL,  -- when it was traded, by the venue's clock, UTC
    trade_id BIGINT NOT NULL,  -- venue's trade id
    px DOUBLE NOT NULL,  -- price, in quote units
    qty DOUBLE NOT NULL,  -- quantity, in base units or contracts
    buyer_is_maker BOOLEAN NOT NULL  -- true: the aggressor sold
);

CREATE TABLE book_tickers (  -- one row per best-price message the venue sent
    venue VARCHAR NOT NULL,  -- venue and kind of market, such as binance-spot
    symbol VARCHAR NOT NULL,  -- symbol as the venue writes it, upper case
    ts_event TIMESTAMP,  -- time of the event by the venue's clock, UTC; NULL where the venue sends none
    ts_recv TIMESTAMP NOT NULL,  -- our clock at receipt, UTC
    recv_ns BIGINT NOT NULL,  -- our clock at receipt, ns since 1970 UTC
    update_id BIGINT NOT NULL,  -- update id, counted as those of the diffs
    bid_px DOUBLE NOT NULL,  -- best bid, in quote units
    bid_qty DOUBLE NOT NULL,  -- quantity at the best bid, in base units or contracts
    ask_px DOUBLE NOT NULL,  -- best ask, in quote units
    ask_qty DOUBLE NOT NULL  -- quantity at the best ask, in base units or contracts
);

CREATE TABLE depth_snapshots (  -- our own periodic samples of a book: its top levels and figures made of them
    venue VARCHAR NOT NULL,  -- venue and kind of market, such as binance-spot
    symbol VARCHAR NOT NULL,  -- symbol as the venue writes it, upper case
    epoch BIGINT,  -- unbroken run from one seed: receipt of that seed, µs since 1970 UTC
    ts TIMESTAMP NOT NULL,  -- our clock when sampled, UTC
    last_id BIGINT NOT NULL,  -- update id of the book; -1 for none
    bid_px DOUBLE[] NOT NULL,  -- top bid prices, best first, in quote units
    bid_qty DOUBLE[] NOT NULL,  -- their quantities, in base units or contracts
    ask_px DOUBLE[] NOT NULL,  -- top ask prices, best first, in quote units
    ask_qty DOUBLE[] NOT NULL,  -- their quantities, in base units or contracts
    mid DOUBLE,  -- middle of the spread, in quote units
    spread_bps DOUBLE,  -- spread over mid, in basis points
    imbalance DOUBLE,  -- (bid - ask) / (bid + ask) quantity of the levels kept, -1 to 1
    weighted_mid DOUBLE,  -- mid weighted by the opposite side's top size, in quote units
    depth_bps DOUBLE[] NOT NULL,  -- half-widths of the bands around mid, in basis points
    bid_depth DOUBLE[] NOT NULL,  -- bid quantity within each band, in base units or contracts
    ask_depth DOUBLE[] NOT NULL,  -- ask quantity within each band, in base units or contracts
    trusted BOOLEAN NOT NULL,  -- whether the book was LIVE
    reason VARCHAR NOT NULL,  -- why it was not; empty when trusted
    certified_bid_bps DOUBLE,  -- how far below mid every bid is known, basis points; 10,000: all there are
    certified_ask_bps DOUBLE,  -- how far above mid every ask is known, basis points; 10,000: all there are
    uncertified VARCHAR  -- why depths or imbalance are NULL: they reach beyond that
);
