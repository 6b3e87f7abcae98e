ALTER TABLE coverage (
    seq BIGINT,  -- place in the one sequence of the database: a later interval has a higher one, whatever our
        -- clock showed; NULL in rows of other programs
    numbering BIGINT,  -- the venue's count of update ids: 1, and one more each time that its ids began anew;
        -- intervals are in the order of numbering, first_id, last_id, seq
    mono_from_ns BIGINT,  -- our monotonic clock at ts_from, ns; NULL where it is not known
    mono_to_ns BIGINT,  -- our monotonic clock at ts_to, ns; NULL where it is not known
    ts_event TIMESTAMP  -- venue's time of its last stored diff, UTC; NULL where there is none
);

CREATE TABLE clock_steps (  -- one row per time that our clock was set, or that the machine slept, in a stream
    venue VARCHAR NOT NULL,  -- venue whose stream or recording was dated by that clock
    seq BIGINT NOT NULL,  -- place in the one sequence of the database, as in coverage
    ts TIMESTAMP NOT NULL,  -- what our clock showed after the step, UTC
    ts_before TIMESTAMP NOT NULL,  -- what it would have shown then without the step, UTC
    step_s DOUBLE NOT NULL,  -- by how much it was set, seconds; below 0: it was set back
    mono_ns BIGINT NOT NULL  -- our monotonic clock then, ns; of a recording: its own time without the steps
);
