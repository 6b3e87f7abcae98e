CREATE TABLE feed_stats (  -- what the feed did, one row per bucket of time
    venue VARCHAR NOT NULL,  -- venue and kind of market, such as binance-spot
    ts TIMESTAMP NOT NULL,  -- start of the bucket, UTC
    bucket_s DOUBLE NOT NULL,  -- length of the bucket, seconds
    frames BIGINT NOT NULL,  -- frames received in the bucket
    bytes BIGINT NOT NULL,  -- bytes received in the bucket
    diffs BIGINT NOT NULL,  -- diffs received in the bucket
    trades BIGINT NOT NULL,  -- trades received in the bucket
    tickers BIGINT NOT NULL,  -- book tickers received in the bucket
    bad_frames BIGINT NOT NULL,  -- frames that could not be read
    reconnects BIGINT NOT NULL,  -- connections made anew in the bucket
    resyncs BIGINT NOT NULL,  -- books begun anew from another seed in the bucket
    live_symbols INTEGER NOT NULL,  -- books that were LIVE at the end of the bucket
    symbols INTEGER NOT NULL,  -- books kept
    to_book_p50_us DOUBLE,  -- from receipt until the book had it, µs, median
    to_book_p99_us DOUBLE,  -- from receipt until the book had it, µs, 99th percentile
    to_book_max_us DOUBLE,  -- from receipt until the book had it, µs, worst
    to_durable_p50_us DOUBLE,  -- from receipt until its row was committed, µs, median
    to_durable_p99_us DOUBLE,  -- from receipt until its row was committed, µs, 99th percentile
    queue_batches INTEGER NOT NULL,  -- batches waiting for the writer
    queue_limit INTEGER NOT NULL,  -- batches that may wait
    clock_offset_us DOUBLE,  -- venue's clock minus ours, µs
    clock_error_us DOUBLE  -- bound on the error of clock_offset_us, µs
);

CREATE TABLE leg_stats (  -- two connections with the same streams: what each did, per bucket of time
    venue VARCHAR NOT NULL,  -- venue and kind of market, such as binance-spot
    ts TIMESTAMP NOT NULL,  -- start of the bucket, as in feed_stats, UTC
    bucket_s DOUBLE NOT NULL,  -- length of the bucket, seconds
    line VARCHAR NOT NULL,  -- the set of streams, by its name
    leg VARCHAR NOT NULL,  -- A or B; the name outlives single connections
    in_use BOOLEAN NOT NULL,  -- whether it was in use at the end of the bucket; the other was the standby
    frames BIGINT NOT NULL,  -- frames it brought while there were two
    firsts BIGINT NOT NULL,  -- of those, how many it brought before the other did
    holes BIGINT NOT NULL,  -- gaps in the update ids of its diffs, also from one connection to the next
    lost_ids BIGINT NOT NULL,  -- update ids in those gaps: only the other could have them
    ends BIGINT NOT NULL,  -- its connections that ended, as planned or not
    lead_p50_ms DOUBLE,  -- its lead where it was first, ms, median
    lead_p99_ms DOUBLE  -- its lead where it was first, ms, 99th percentile
);

CREATE TABLE latency (  -- time from the venue to a durable row, stage by stage, per book and minute; within 3 %
    venue VARCHAR NOT NULL,  -- venue and kind of market, such as binance-spot
    symbol VARCHAR NOT NULL,  -- symbol as the venue writes it, upper case
    minute TIMESTAMP NOT NULL,  -- start of the minute in which the diffs were received, UTC
    diffs BIGINT NOT NULL,  -- diffs measured; a minute may have several rows, each of a part of them
    network_p50_us DOUBLE,  -- network: from the venue's event to receipt, less the clocks' offset, µs, median
    network_p99_us DOUBLE,  -- network: the same, µs, 99th percentile
    network_error_us DOUBLE,  -- bound on the error of the clocks' offset, µs
    queue_p50_us DOUBLE,  -- queue: from receipt until it was taken up, µs, median
    queue_p99_us DOUBLE,  -- queue: from receipt until it was taken up, µs, 99th percentile
    decode_p50_us DOUBLE,  -- decode: from bytes to numbers, µs, median
    decode_p99_us DOUBLE,  -- decode: from bytes to numbers, µs, 99th percentile
    apply_p50_us DOUBLE,  -- apply: levels set, top checked, row made, µs, median
    apply_p99_us DOUBLE,  -- apply: levels set, top checked, row made, µs, 99th percentile
    durable_p50_us DOUBLE,  -- durable: from the row until it was committed, µs, median
    durable_p99_us DOUBLE  -- durable: from the row until it was committed, µs, 99th percentile
);

CREATE TABLE clock (  -- the venue's clock against ours, one row per estimate
    venue VARCHAR NOT NULL,  -- venue and kind of market, such as binance-spot
    ts TIMESTAMP NOT NULL,  -- when the venue was asked, our clock, UTC
    offset_ms DOUBLE NOT NULL,  -- venue's clock minus ours, ms: ours plus this is the venue's
    error_ms DOUBLE NOT NULL,  -- bound on the error of offset_ms, ms
    rtt_ms DOUBLE NOT NULL,  -- round trip of the request whose answer was taken, ms; 0 without one
    probes BIGINT NOT NULL,  -- answers, or events, from which the estimate was chosen
    source VARCHAR NOT NULL,  -- time: the venue's time endpoint; stream: event times alone, of a recording
    stream_ms DOUBLE,  -- largest lead of an event over its receipt, ms: a lower bound of the offset
    network_p50_ms DOUBLE,  -- from event to receipt, less the offset, ms, median since the row before
    network_p99_ms DOUBLE  -- from event to receipt, less the offset, ms, 99th percentile
);

CREATE TABLE ingest_batches (  -- one row per batch of rows, written in the transaction that stored it
    writer_id VARCHAR NOT NULL,  -- id of one run of the writer
    seq BIGINT NOT NULL,  -- place among the writer's batches: 1, 2, 3 … without a hole
    ts TIMESTAMP NOT NULL,  -- when its transaction began, UTC
    oldest_recv_ns BIGINT,  -- receipt of its oldest message, ns since 1970 UTC
    diffs BIGINT NOT NULL,  -- diffs in the batch
    levels BIGINT NOT NULL,  -- levels in its diffs
    trades BIGINT NOT NULL,  -- trades in the batch
    tickers BIGINT NOT NULL,  -- book tickers in the batch
    seeds BIGINT NOT NULL,  -- seeds of the venue in the batch
    events BIGINT NOT NULL,  -- book events in the batch
    samples BIGINT NOT NULL,  -- depth samples in the batch
    stats BIGINT NOT NULL  -- rows of feed_stats in the batch
);
