"""From batches of rows to durable transactions."""
