"""Numbered, never edited once merged; `storage.migrate` runs them."""
