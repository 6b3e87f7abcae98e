CREATE TABLE llm_calls (  -- one row per HTTP attempt, from before it is sent: the ledger
    seq BIGINT,  -- 1, 2, 3 … in the order of reservation
    call_id VARCHAR NOT NULL,  -- unique id, made by us
    signal_id VARCHAR,  -- signal it was made for
    ts TIMESTAMP NOT NULL,  -- just before it was sent, UTC; decides in which budget window it counts
    attempt INTEGER NOT NULL,  -- number of the attempt, 1 for the first of a signal
    purpose VARCHAR NOT NULL,  -- answer, or repair (of one that could not be read)
    flow VARCHAR NOT NULL,  -- flow that pays for it
    symbol VARCHAR NOT NULL,  -- symbol it is about
    provider VARCHAR NOT NULL,  -- provider that was called
    model_requested VARCHAR NOT NULL,  -- model asked for
    prompt_tokens_max BIGINT NOT NULL,  -- most prompt tokens it could be billed for
    completion_tokens_max BIGINT NOT NULL,  -- most completion tokens it could be billed for
    held_usd DECIMAL(18,12) NOT NULL,  -- most it could cost, reserved before it was sent, USD
    expires_at TIMESTAMP NOT NULL,  -- from when on the call cannot be under way any more, UTC
    state VARCHAR NOT NULL,  -- open, settled, or expired (its outcome is unknown, the hold counts as spent)
    settled_at TIMESTAMP,  -- when its outcome was booked, UTC
    was_sent BOOLEAN,  -- whether a byte of it left us; NULL where unknown
    model_served VARCHAR,  -- model that answered, as the provider reported it
    status INTEGER,  -- HTTP status; NULL when no answer came
    error VARCHAR,  -- what went wrong; NULL when nothing did
    latency_ms DOUBLE,  -- from request to answer, ms
    prompt_tokens BIGINT,  -- tokens sent, cached ones included
    cached_tokens BIGINT,  -- of those, how many were billed as cached
    completion_tokens BIGINT,  -- tokens received, reasoning ones included
    reasoning_tokens BIGINT,  -- of those, how many went into reasoning
    usage_source VARCHAR,  -- reported or estimated; NULL where the tokens are unknown
    cost_usd DECIMAL(18,12),  -- cost by our prices, USD; NULL while open or where no price is known
    cost_source VARCHAR,  -- where cost_usd comes from: price:…, hold, not_sent, refused or unknown_price:…
    provider_cost_usd DECIMAL(18,12),  -- cost as the provider reported it, USD
    PRIMARY KEY (seq)
);

CREATE TABLE prices (  -- prices of models, with the dates they hold
    provider VARCHAR,  -- provider that asks this price
    model VARCHAR,  -- model; * for all of the provider's without a row of their own
    valid_from TIMESTAMP,  -- holds from this moment on, UTC
    valid_to TIMESTAMP,  -- holds until this moment, UTC; NULL while it holds
    input DECIMAL(18,6) NOT NULL,  -- USD per million prompt tokens
    cached DECIMAL(18,6),  -- USD per million cached prompt tokens; NULL: as input
    output DECIMAL(18,6) NOT NULL,  -- USD per million completion tokens
    reasoning DECIMAL(18,6),  -- USD per million reasoning tokens; NULL: as output
    peak_hours VARCHAR,  -- hours with peak prices, UTC, such as Mon-Fri 01-04 06-10; NULL: none
    peak_factor DECIMAL(18,6),  -- factor on all prices in peak hours
    shutdown_at TIMESTAMP,  -- when the model is switched off, UTC, as announced
    source VARCHAR NOT NULL,  -- where the price was found
    checked_at TIMESTAMP NOT NULL,  -- when it was found there, UTC
    book VARCHAR,  -- fingerprint of a row of the shipped price book; NULL: a row of yours, which wins
    PRIMARY KEY (provider, model, valid_from)
);

CREATE TABLE budgets (  -- caps on what calls to models may cost
    scope VARCHAR,  -- what it caps: all, provider:NAME, model:PROVIDER/NAME, flow:NAME or symbol:NAME
    "window" VARCHAR,  -- window of the cap: hour, day or month, UTC
    limit_usd DECIMAL(18,6) NOT NULL,  -- cap on spend and holds within the window, USD
    updated_at TIMESTAMP NOT NULL,  -- when it was set, UTC
    PRIMARY KEY (scope, "window")
);
