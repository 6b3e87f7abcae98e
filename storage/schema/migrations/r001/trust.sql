CREATE TABLE coverage (  -- one row per interval in which a book may be trusted
    venue VARCHAR NOT NULL,  -- venue and kind of market, such as binance-spot
    symbol VARCHAR NOT NULL,  -- symbol as the venue writes it, upper case
    epoch BIGINT NOT NULL,  -- unbroken run from one seed: receipt of that seed, µs since 1970 UTC
    ts_from TIMESTAMP NOT NULL,  -- from when on the book may be trusted, our clock, UTC
    ts_to TIMESTAMP NOT NULL,  -- receipt of its last stored diff, our clock, UTC
    first_id BIGINT NOT NULL,  -- first update id at which the book may be trusted
    last_id BIGINT NOT NULL,  -- update id of the last stored diff
    ended_by VARCHAR  -- why it ended: gap, stopped, crash (its writer died) and so on; NULL while it grows
);

CREATE TABLE book_events (  -- one row per change of a book's state and per fault
    venue VARCHAR NOT NULL,  -- venue and kind of market, such as binance-spot
    symbol VARCHAR NOT NULL,  -- symbol as the venue writes it, upper case
    ts TIMESTAMP NOT NULL,  -- our clock, UTC
    from_state VARCHAR NOT NULL,  -- state before, such as BUFFERING or LIVE
    to_state VARCHAR NOT NULL,  -- state after; the same where a fault changed none
    reason VARCHAR NOT NULL,  -- gap, crossed, session_lost, ready and so on
    expected_id BIGINT,  -- update id that should have come
    got_id BIGINT  -- update id that came
);

CREATE TABLE attestations (  -- checks of books against the venue's own statements; sum the rows of a minute
    venue VARCHAR NOT NULL,  -- venue and kind of market, such as binance-spot
    symbol VARCHAR NOT NULL,  -- symbol as the venue writes it, upper case
    minute TIMESTAMP NOT NULL,  -- start of the minute, by our clock at receipt, UTC
    equal_id BIGINT NOT NULL,  -- checks of the best prices against a book ticker of the same update id
    bracketed BIGINT NOT NULL,  -- checks against an older ticker that was still in force at the book's id
    mismatches BIGINT NOT NULL,  -- checks of both kinds that disagreed
    unchecked BIGINT NOT NULL,  -- updates for which no book ticker was at hand
    audited BIGINT NOT NULL,  -- levels checked against REST snapshots and partial depth
    audit_mismatches BIGINT NOT NULL  -- of those levels, how many disagreed
);

CREATE TABLE mismatches (  -- one row per disagreement of a book with the venue's word: the evidence
    venue VARCHAR NOT NULL,  -- venue and kind of market, such as binance-spot
    symbol VARCHAR NOT NULL,  -- symbol as the venue writes it, upper case
    epoch BIGINT NOT NULL,  -- unbroken run from one seed: receipt of that seed, µs since 1970 UTC
    ts TIMESTAMP NOT NULL,  -- when it was found, our clock, UTC
    kind VARCHAR NOT NULL,  -- against what: equal_id or bracketed (book ticker), audit (REST snapshot), depth20
    refuted BOOLEAN NOT NULL,  -- true: the book was discarded for it; false: SUSPECT until it agrees again
    book_id BIGINT NOT NULL,  -- update id of the book
    witness_id BIGINT NOT NULL,  -- update id of the venue's statement
    next_id BIGINT,  -- update id of the ticker after it, where bracketed
    bid_px DOUBLE,  -- our bid price, in quote units; NULL where not compared
    bid_qty DOUBLE,  -- our bid quantity, in base units or contracts; NULL where not compared
    ask_px DOUBLE,  -- our ask price, in quote units; NULL where not compared
    ask_qty DOUBLE,  -- our ask quantity, in base units or contracts; NULL where not compared
    witness_bid_px DOUBLE,  -- the venue's bid price, in quote units; NULL where not compared
    witness_bid_qty DOUBLE,  -- the venue's bid quantity, in base units or contracts; NULL where not compared
    witness_ask_px DOUBLE,  -- the venue's ask price, in quote units; NULL where not compared
    witness_ask_qty DOUBLE  -- the venue's ask quantity, in base units or contracts; NULL where not compared
);
