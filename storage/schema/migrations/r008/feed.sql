ALTER TABLE ingest_batches (
    mono_ns BIGINT,  -- our monotonic clock as the stream handed it over, ns; NULL where it is not known
    clock_ns BIGINT  -- our wall clock less the monotonic one then, ns: it changes when the clock is set
);
