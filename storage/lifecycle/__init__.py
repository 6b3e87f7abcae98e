"""What happens to old rows: retention, archive, compaction."""
