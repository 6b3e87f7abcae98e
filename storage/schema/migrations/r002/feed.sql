CREATE TABLE watchlist (  -- the last word on each symbol that was added or dropped; INSERT OR REPLACE changes it
    venue VARCHAR,  -- venue and kind of market, such as binance-spot
    symbol VARCHAR,  -- symbol as the venue writes it
    is_wanted BOOLEAN NOT NULL,  -- true: added to the symbols of the settings; false: dropped from them
    ts TIMESTAMP NOT NULL,  -- when that was said, UTC
    who VARCHAR NOT NULL,  -- who said it
    PRIMARY KEY (venue, symbol)
);
