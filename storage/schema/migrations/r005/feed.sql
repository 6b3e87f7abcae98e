ALTER TABLE ingest_batches (
    through TIMESTAMP,  -- what the books took in or noticed until then is stored, UTC; NULL: a batch that was
        -- full in between
);
