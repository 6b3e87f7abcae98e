CREATE TABLE alembic_version(
    version_num VARCHAR, PRIMARY KEY(version_num));
CREATE TABLE attestations(
    venue VARCHAR NOT NULL, symbol VARCHAR NOT NULL, "minute" TIMESTAMP NOT NULL, equal_id BIGINT NOT NULL,
    bracketed BIGINT NOT NULL, mismatches BIGINT NOT NULL, unchecked BIGINT NOT NULL, audited BIGINT NOT
    NULL, audit_mismatches BIGINT NOT NULL);
CREATE TABLE book_events(
    venue VARCHAR NOT NULL, symbol VARCHAR NOT NULL, ts TIMESTAMP NOT NULL, from_state VARCHAR NOT NULL,
    to_state VARCHAR NOT NULL, reason VARCHAR NOT NULL, expected_id BIGINT, got_id BIGINT);
CREATE TABLE book_tickers(
    venue VARCHAR NOT NULL, symbol VARCHAR NOT NULL, ts_event TIMESTAMP, ts_recv TIMESTAMP NOT NULL, recv_ns
    BIGINT NOT NULL, update_id BIGINT NOT NULL, bid_px DOUBLE NOT NULL, bid_qty DOUBLE NOT NULL, ask_px
    DOUBLE NOT NULL, ask_qty DOUBLE NOT NULL);
CREATE TABLE budgets(
    "scope" VARCHAR, "window" VARCHAR, limit_usd DECIMAL(18,6) NOT NULL, updated_at TIMESTAMP NOT NULL,
    PRIMARY KEY("scope", "window"));
CREATE TABLE claims(
    "key" VARCHAR, claimer VARCHAR NOT NULL, ts TIMESTAMP NOT NULL, expires_at TIMESTAMP NOT NULL, signal_id
    VARCHAR, PRIMARY KEY("key"));
CREATE TABLE clock(
    venue VARCHAR NOT NULL, ts TIMESTAMP NOT NULL, offset_ms DOUBLE NOT NULL, error_ms DOUBLE NOT NULL,
    rtt_ms DOUBLE NOT NULL, probes BIGINT NOT NULL, "source" VARCHAR NOT NULL, stream_ms DOUBLE,
    network_p50_ms DOUBLE, network_p99_ms DOUBLE);
CREATE TABLE coverage(
    venue VARCHAR NOT NULL, symbol VARCHAR NOT NULL, epoch BIGINT NOT NULL, ts_from TIMESTAMP NOT NULL,
    ts_to TIMESTAMP NOT NULL, first_id BIGINT NOT NULL, last_id BIGINT NOT NULL, ended_by VARCHAR);
CREATE TABLE depth_diffs(
    venue VARCHAR NOT NULL, symbol VARCHAR NOT NULL, epoch BIGINT NOT NULL, ts_event TIMESTAMP NOT NULL,
    ts_recv TIMESTAMP NOT NULL, recv_ns BIGINT NOT NULL, first_id BIGINT NOT NULL, last_id BIGINT NOT NULL,
    prev_id BIGINT, bid_px DOUBLE[] NOT NULL, bid_qty DOUBLE[] NOT NULL, ask_px DOUBLE[] NOT NULL, ask_qty
    DOUBLE[] NOT NULL, to_book_ns BIGINT);
CREATE TABLE depth_snapshots(
    venue VARCHAR NOT NULL, symbol VARCHAR NOT NULL, epoch BIGINT, ts TIMESTAMP NOT NULL, last_id BIGINT NOT
    NULL, bid_px DOUBLE[] NOT NULL, bid_qty DOUBLE[] NOT NULL, ask_px DOUBLE[] NOT NULL, ask_qty DOUBLE[]
    NOT NULL, mid DOUBLE, spread_bps DOUBLE, imbalance DOUBLE, weighted_mid DOUBLE, depth_bps DOUBLE[] NOT
    NULL, bid_depth DOUBLE[] NOT NULL, ask_depth DOUBLE[] NOT NULL, "trusted" BOOLEAN NOT NULL, reason
    VARCHAR NOT NULL, certified_bid_bps DOUBLE, certified_ask_bps DOUBLE, uncertified VARCHAR);
CREATE TABLE feed_stats(
    venue VARCHAR NOT NULL, ts TIMESTAMP NOT NULL, bucket_s DOUBLE NOT NULL, frames BIGINT NOT NULL, bytes
    BIGINT NOT NULL, diffs BIGINT NOT NULL, trades BIGINT NOT NULL, tickers BIGINT NOT NULL, bad_frames
    BIGINT NOT NULL, reconnects BIGINT NOT NULL, resyncs BIGINT NOT NULL, live_symbols INTEGER NOT NULL,
    symbols INTEGER NOT NULL, to_book_p50_us DOUBLE, to_book_p99_us DOUBLE, to_book_max_us DOUBLE,
    to_durable_p50_us DOUBLE, to_durable_p99_us DOUBLE, queue_batches INTEGER NOT NULL, queue_limit INTEGER
    NOT NULL, clock_offset_us DOUBLE, clock_error_us DOUBLE);
CREATE TABLE ingest_batches(
    writer_id VARCHAR NOT NULL, seq BIGINT NOT NULL, ts TIMESTAMP NOT NULL, oldest_recv_ns BIGINT, diffs
    BIGINT NOT NULL, levels BIGINT NOT NULL, trades BIGINT NOT NULL, tickers BIGINT NOT NULL, seeds BIGINT
    NOT NULL, events BIGINT NOT NULL, samples BIGINT NOT NULL, stats BIGINT NOT NULL);
CREATE TABLE labels(
    venue VARCHAR NOT NULL, symbol VARCHAR NOT NULL, ts_start TIMESTAMP NOT NULL, horizon_s BIGINT NOT NULL,
    status VARCHAR NOT NULL, mid_start DOUBLE, mid_end DOUBLE, return_bps DOUBLE, half_spread_start_bps
    DOUBLE, half_spread_end_bps DOUBLE, start_id BIGINT, end_id BIGINT);
CREATE TABLE latency(
    venue VARCHAR NOT NULL, symbol VARCHAR NOT NULL, "minute" TIMESTAMP NOT NULL, diffs BIGINT NOT NULL,
    network_p50_us DOUBLE, network_p99_us DOUBLE, network_error_us DOUBLE, queue_p50_us DOUBLE, queue_p99_us
    DOUBLE, decode_p50_us DOUBLE, decode_p99_us DOUBLE, apply_p50_us DOUBLE, apply_p99_us DOUBLE,
    durable_p50_us DOUBLE, durable_p99_us DOUBLE);
CREATE TABLE leg_stats(
    venue VARCHAR NOT NULL, ts TIMESTAMP NOT NULL, bucket_s DOUBLE NOT NULL, line VARCHAR NOT NULL, leg
    VARCHAR NOT NULL, in_use BOOLEAN NOT NULL, frames BIGINT NOT NULL, firsts BIGINT NOT NULL, holes BIGINT
    NOT NULL, lost_ids BIGINT NOT NULL, ends BIGINT NOT NULL, lead_p50_ms DOUBLE, lead_p99_ms DOUBLE);
CREATE TABLE llm_calls(
    seq BIGINT, call_id VARCHAR NOT NULL, signal_id VARCHAR, ts TIMESTAMP NOT NULL, attempt INTEGER NOT
    NULL, purpose VARCHAR NOT NULL, flow VARCHAR NOT NULL, symbol VARCHAR NOT NULL, provider VARCHAR NOT
    NULL, model_requested VARCHAR NOT NULL, prompt_tokens_max BIGINT NOT NULL, completion_tokens_max BIGINT
    NOT NULL, held_usd DECIMAL(18,12) NOT NULL, expires_at TIMESTAMP NOT NULL, state VARCHAR NOT NULL,
    settled_at TIMESTAMP, was_sent BOOLEAN, model_served VARCHAR, status INTEGER, "error" VARCHAR,
    latency_ms DOUBLE, prompt_tokens BIGINT, cached_tokens BIGINT, completion_tokens BIGINT,
    reasoning_tokens BIGINT, usage_source VARCHAR, cost_usd DECIMAL(18,12), cost_source VARCHAR,
    provider_cost_usd DECIMAL(18,12), PRIMARY KEY(seq));
CREATE TABLE llm_texts(
    signal_id VARCHAR NOT NULL, ts TIMESTAMP NOT NULL, request_hash VARCHAR NOT NULL, messages JSON NOT
    NULL, answer VARCHAR, capability VARCHAR);
CREATE TABLE mismatches(
    venue VARCHAR NOT NULL, symbol VARCHAR NOT NULL, epoch BIGINT NOT NULL, ts TIMESTAMP NOT NULL, kind
    VARCHAR NOT NULL, refuted BOOLEAN NOT NULL, book_id BIGINT NOT NULL, witness_id BIGINT NOT NULL, next_id
    BIGINT, bid_px DOUBLE, bid_qty DOUBLE, ask_px DOUBLE, ask_qty DOUBLE, witness_bid_px DOUBLE,
    witness_bid_qty DOUBLE, witness_ask_px DOUBLE, witness_ask_qty DOUBLE);
CREATE TABLE notices(
    kind VARCHAR, subject VARCHAR, ts TIMESTAMP NOT NULL, PRIMARY KEY(kind, subject));
CREATE TABLE prices(
    provider VARCHAR, model VARCHAR, valid_from TIMESTAMP, valid_to TIMESTAMP, "input" DECIMAL(18,6) NOT
    NULL, cached DECIMAL(18,6), output DECIMAL(18,6) NOT NULL, reasoning DECIMAL(18,6), peak_hours VARCHAR,
    peak_factor DECIMAL(18,6), shutdown_at TIMESTAMP, "source" VARCHAR NOT NULL, checked_at TIMESTAMP NOT
    NULL, book VARCHAR, PRIMARY KEY(provider, model, valid_from));
CREATE TABLE seeds(
    venue VARCHAR NOT NULL, symbol VARCHAR NOT NULL, epoch BIGINT NOT NULL, ts_event TIMESTAMP, ts_recv
    TIMESTAMP NOT NULL, recv_ns BIGINT NOT NULL, last_id BIGINT NOT NULL, bid_px DOUBLE[] NOT NULL, bid_qty
    DOUBLE[] NOT NULL, ask_px DOUBLE[] NOT NULL, ask_qty DOUBLE[] NOT NULL, "source" VARCHAR NOT NULL);
CREATE TABLE signal_pairs(
    ts TIMESTAMP NOT NULL, venue VARCHAR NOT NULL, kind VARCHAR NOT NULL, lineage VARCHAR NOT NULL, prompt
    VARCHAR NOT NULL, other_kind VARCHAR NOT NULL, other_lineage VARCHAR NOT NULL, other_prompt VARCHAR NOT
    NULL, horizon_s BIGINT NOT NULL, since TIMESTAMP NOT NULL, pairs BIGINT NOT NULL, net_bps DOUBLE NOT
    NULL, net_low_bps DOUBLE, net_high_bps DOUBLE, gross_bps DOUBLE NOT NULL, gross_low_bps DOUBLE,
    gross_high_bps DOUBLE, detectable_bps DOUBLE, df BIGINT NOT NULL, p DOUBLE, p_adjusted DOUBLE, "family"
    VARCHAR NOT NULL, verdict VARCHAR NOT NULL, fee_bps DOUBLE NOT NULL, notional_usd DOUBLE NOT NULL);
CREATE TABLE signal_scores(
    ts TIMESTAMP NOT NULL, venue VARCHAR NOT NULL, kind VARCHAR NOT NULL, lineage VARCHAR NOT NULL, prompt
    VARCHAR NOT NULL, symbol VARCHAR NOT NULL, regime VARCHAR NOT NULL, horizon_s BIGINT NOT NULL, since
    TIMESTAMP NOT NULL, n BIGINT NOT NULL, calls BIGINT NOT NULL, hits BIGINT NOT NULL, flat BIGINT NOT
    NULL, hit_rate DOUBLE, hit_low DOUBLE, hit_high DOUBLE, brier DOUBLE, log_loss DOUBLE, ic DOUBLE, ic_low
    DOUBLE, ic_high DOUBLE, gross_bps DOUBLE NOT NULL, gross_low_bps DOUBLE, gross_high_bps DOUBLE, net_bps
    DOUBLE NOT NULL, net_low_bps DOUBLE, net_high_bps DOUBLE, detectable_bps DOUBLE, df BIGINT NOT NULL, p
    DOUBLE, p_adjusted DOUBLE, "family" VARCHAR NOT NULL, verdict VARCHAR NOT NULL, cost_usd DOUBLE NOT
    NULL, abstained BIGINT, invalid BIGINT, refused BIGINT, errors BIGINT, dropped BIGINT, waiting BIGINT,
    fee_bps DOUBLE NOT NULL, notional_usd DOUBLE NOT NULL, bin_low DOUBLE[] NOT NULL, bin_n DOUBLE[] NOT
    NULL, bin_confidence DOUBLE[] NOT NULL, bin_came_true DOUBLE[] NOT NULL);
CREATE TABLE signals(
    signal_id VARCHAR, ts TIMESTAMP NOT NULL, venue VARCHAR NOT NULL, symbol VARCHAR NOT NULL, epoch BIGINT,
    kind VARCHAR NOT NULL, "trigger" VARCHAR NOT NULL, provider VARCHAR NOT NULL, model_requested VARCHAR
    NOT NULL, model_served VARCHAR, lineage VARCHAR NOT NULL, is_switched BOOLEAN NOT NULL, prompt_version
    VARCHAR, prompt_hash VARCHAR, outcome VARCHAR NOT NULL, reason VARCHAR, direction VARCHAR, confidence
    DOUBLE, reasoning VARCHAR, horizon_s BIGINT, ttl_s DOUBLE, features JSON, features_hash VARCHAR, last_id
    BIGINT, mid_at_snapshot DOUBLE, mid_at_arrival DOUBLE, ts_arrival TIMESTAMP, moved_spreads DOUBLE,
    is_overtaken BOOLEAN, latency_ms DOUBLE, attempts INTEGER, prompt_tokens BIGINT, cached_tokens BIGINT,
    completion_tokens BIGINT, cost_usd DECIMAL(18,12), decision_key VARCHAR, rescore_of VARCHAR, shock JSON,
    PRIMARY KEY(signal_id), CHECK(((outcome = 'ok') = (direction IS NOT NULL))), CHECK(((direction IS NULL)
    OR (direction IN ('bullish', 'bearish', 'neutral')))));
CREATE TABLE trades(
    venue VARCHAR NOT NULL, symbol VARCHAR NOT NULL, ts_event TIMESTAMP NOT NULL, ts_recv TIMESTAMP NOT
    NULL, recv_ns BIGINT NOT NULL, ts_trade TIMESTAMP NOT NULL, trade_id BIGINT NOT NULL, px DOUBLE NOT
    NULL, qty DOUBLE NOT NULL, buyer_is_maker BOOLEAN NOT NULL);
INSERT INTO alembic_version VALUES ('014');
