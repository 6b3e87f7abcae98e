CREATE TABLE addresses (  -- one row per change of how an address of the venue serves us
    venue VARCHAR NOT NULL,  -- venue and kind of market, such as binance-spot
    ts TIMESTAMP NOT NULL,  -- when we met it, our clock, UTC
    road VARCHAR NOT NULL,  -- stream or rest
    address VARCHAR NOT NULL,  -- the address, without its query
    event VARCHAR NOT NULL,  -- refused: left for the next one; reached: it serves again; banned: nothing is asked for a while
    reason VARCHAR NOT NULL,  -- what it answered, or why there was no answer; empty where it was reached
    until TIMESTAMP  -- end of a ban, our clock, UTC; NULL otherwise
);
