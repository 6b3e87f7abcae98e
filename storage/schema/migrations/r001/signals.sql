CREATE TABLE signals (  -- one row per decision, whatever became of it
    signal_id VARCHAR,  -- unique id, made by us
    ts TIMESTAMP NOT NULL,  -- moment of decision, UTC; nothing received later was used
    venue VARCHAR NOT NULL,  -- venue and kind of market, such as binance-spot
    symbol VARCHAR NOT NULL,  -- symbol as the venue writes it, upper case
    epoch BIGINT,  -- unbroken run from one seed: receipt of that seed, µs since 1970 UTC
    kind VARCHAR NOT NULL,  -- llm, challenger (asked beside an llm), baseline, or rescore (an old question)
    "trigger" VARCHAR NOT NULL,  -- schedule, shock, manual or rescore
    provider VARCHAR NOT NULL,  -- who serves the model; baseline for our own rules
    model_requested VARCHAR NOT NULL,  -- model asked for; of a baseline its rule
    model_served VARCHAR,  -- model that answered, as the provider reported it
    lineage VARCHAR NOT NULL,  -- provider/model that decided; scores are kept by it
    is_switched BOOLEAN NOT NULL,  -- whether another model than the one asked for answered
    prompt_version VARCHAR,  -- version of the prompt; NULL for baselines
    prompt_hash VARCHAR,  -- hash of the prompt's file and of the code that fills it
    outcome VARCHAR NOT NULL,  -- ok, abstained, invalid, error, or refused_… (untrusted, stale, budget …)
    reason VARCHAR,  -- why there is no direction
    direction VARCHAR,  -- bullish, bearish or neutral; NULL unless the outcome is ok
    confidence DOUBLE,  -- 0 to 1; of a baseline the share of its earlier calls that came true
    reasoning VARCHAR,  -- the model's reasoning in its own words
    horizon_s BIGINT,  -- horizon of the decision, seconds
    ttl_s DOUBLE,  -- time after ts in which it may be acted on, seconds
    features JSON,  -- figures shown, by name with units; the key missing says why one is null
    features_hash VARCHAR,  -- hash of the figures: equal figures, equal hash
    last_id BIGINT,  -- update id of the book
    mid_at_snapshot DOUBLE,  -- mid at ts, in quote units
    mid_at_arrival DOUBLE,  -- mid when the answer came, in quote units; NULL where the book was not LIVE then
    ts_arrival TIMESTAMP,  -- when the answer came, UTC
    moved_spreads DOUBLE,  -- move of the mid until the answer came, in spreads as of ts
    is_overtaken BOOLEAN,  -- whether the mid moved too far meanwhile, or the book left LIVE
    latency_ms DOUBLE,  -- from request to answer, waits included, ms
    attempts INTEGER,  -- number of HTTP attempts
    prompt_tokens BIGINT,  -- tokens sent over all attempts, cached ones included
    cached_tokens BIGINT,  -- of those, how many were billed as cached
    completion_tokens BIGINT,  -- tokens received over all attempts
    cost_usd DECIMAL(18,12),  -- cost of all attempts as booked in llm_calls, else as held there, USD
    decision_key VARCHAR,  -- key of its question in claims: symbol, prompt, model, time bucket
    rescore_of VARCHAR,  -- signal_id of the signal whose question this is
    shock JSON,  -- shock that triggered it: kind, value, typical, threshold, last_id and ts_ns
    PRIMARY KEY (signal_id),
    CHECK ((outcome = 'ok') = (direction IS NOT NULL)),
    CHECK (direction IS NULL OR direction IN ('bullish', 'bearish', 'neutral'))
);

CREATE TABLE llm_texts (  -- what was sent to a model and what it said, while kept
    signal_id VARCHAR NOT NULL,  -- signal it belongs to
    ts TIMESTAMP NOT NULL,  -- moment of decision, UTC
    request_hash VARCHAR NOT NULL,  -- hash of model, prompt and settings
    messages JSON NOT NULL,  -- the conversation sent: role and content of each turn
    answer VARCHAR,  -- answer as it came; NULL when none came
    capability VARCHAR  -- what kept the answer in form: json_schema, json_object or plain
);

CREATE TABLE claims (  -- one row per question, so that it is asked once however often it is tried
    key VARCHAR,  -- symbol, book state, prompt, model and time bucket in one
    claimer VARCHAR NOT NULL,  -- run that works on it, or did
    ts TIMESTAMP NOT NULL,  -- when claimed, UTC
    expires_at TIMESTAMP NOT NULL,  -- from when on another run may take over if there is no answer, UTC
    signal_id VARCHAR,  -- signal that answers it; NULL while there is none
    PRIMARY KEY (key)
);

CREATE TABLE notices (  -- events that were published once and are not published again
    kind VARCHAR,  -- name of the event
    subject VARCHAR,  -- what it is about, with its window or threshold
    ts TIMESTAMP NOT NULL,  -- when it was published, UTC
    PRIMARY KEY (kind, subject)
);
