"""Rows for the store, in columns of integers, as books make them."""
