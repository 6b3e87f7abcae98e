ALTER TABLE trades (
    is_backfilled BOOLEAN,  -- asked for later by REST, because the stream had left it out; an aggregate then
        -- stands for all ids it covers
);
