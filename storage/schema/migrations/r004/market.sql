ALTER TABLE depth_diffs (
    ts_transaction TIMESTAMP,  -- when the matching engine did it, by the venue's clock, UTC; NULL where the
        -- venue sends none (spot)
);

ALTER TABLE seeds (
    ts_transaction TIMESTAMP,  -- when the matching engine had it so, by the venue's clock, UTC; NULL where the
        -- venue sends none (spot)
);

ALTER TABLE book_tickers (
    ts_transaction TIMESTAMP,  -- when the matching engine did it, by the venue's clock, UTC; NULL where the
        -- venue sends none (spot)
);

ALTER TABLE trades (
    kind VARCHAR,  -- market: an order met the book; insurance_fund, adl, rpi (met retail price improvement
        -- orders alone, which no book shows), block, other (unexplained or without a price)
    market_qty DOUBLE,  -- of qty, what met the book, in base units or contracts; 0 for other kinds
    covers_first_id BIGINT,  -- of an aggregate: id of the first trade in it; NULL for a single trade
    covers_last_id BIGINT,  -- of an aggregate: id of the last trade in it; NULL for a single trade
);
