CREATE TABLE markets_history (  -- one row per change of what the venue lists of a symbol, or of whether it is wanted
    venue VARCHAR NOT NULL,  -- venue and kind of market, such as binance-spot
    symbol VARCHAR NOT NULL,  -- symbol as it was asked for
    seq BIGINT NOT NULL,  -- place among the symbol's rows: 1, 2, 3 … whatever the clock did
    ts TIMESTAMP NOT NULL,  -- when we heard of it, our clock, UTC
    state VARCHAR NOT NULL,  -- LISTED, UNLISTED, UNUSABLE (no book can be made of its listing), OFF_SCALE (its
        -- numbers do not fit) or DROPPED (wanted no more)
    status VARCHAR,  -- the venue's word, such as TRADING or BREAK; NULL where it says nothing usable
    tick_size DOUBLE,  -- step of prices, in quote units
    step_size DOUBLE,  -- step of quantities, in base units or contracts
    contract_size DOUBLE,  -- what a contract is worth, in quote units; NULL where there are no contracts
    changed VARCHAR NOT NULL,  -- what differs from the row before: names of columns, or first
    reason VARCHAR NOT NULL  -- why it is not simply LISTED; empty when it is
);
