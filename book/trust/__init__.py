"""Holding a book against the venue's own word: tickers, listings, audits."""
