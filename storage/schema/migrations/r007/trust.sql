CREATE TABLE trade_backfills (  -- one row per hole of trades that the stream left, and what came of asking for them
    venue VARCHAR NOT NULL,  -- venue and kind of market, such as binance-spot
    symbol VARCHAR NOT NULL,  -- symbol as the venue writes it, upper case
    ts TIMESTAMP NOT NULL,  -- when the last answer came, our clock, UTC
    first_id BIGINT NOT NULL,  -- trade id of the first that was missing
    last_id BIGINT NOT NULL,  -- trade id of the last that was missing
    stored BIGINT NOT NULL,  -- rows that were added to trades; an aggregate is one
    missing BIGINT NOT NULL,  -- ids that are still missing
    reason VARCHAR NOT NULL  -- why they are; empty if none is
);
