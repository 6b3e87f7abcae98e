"""Numbered, never edited once merged; `storage.schema.migrate` runs them."""
