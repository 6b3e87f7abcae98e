CREATE TABLE trade_coverage (  -- one row per run of trades of which none is missing
    venue VARCHAR NOT NULL,  -- venue and kind of market, such as binance-spot
    symbol VARCHAR NOT NULL,  -- symbol as the venue writes it, upper case
    ts_from TIMESTAMP NOT NULL,  -- receipt of its first trade, our clock, UTC
    ts_to TIMESTAMP NOT NULL,  -- receipt of its last trade, our clock, UTC
    first_id BIGINT NOT NULL,  -- trade id of its first trade
    last_id BIGINT NOT NULL,  -- trade id of its last trade
    ts_trade TIMESTAMP NOT NULL  -- when its last trade was traded, by the venue's clock, UTC
);

CREATE TABLE trade_repeats (  -- one row per trade that was sent again; it is stored once
    venue VARCHAR NOT NULL,  -- venue and kind of market, such as binance-spot
    symbol VARCHAR NOT NULL,  -- symbol as the venue writes it, upper case
    ts_recv TIMESTAMP NOT NULL,  -- receipt of the repeat, our clock, UTC
    trade_id BIGINT NOT NULL  -- venue's trade id
);
