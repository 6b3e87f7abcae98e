"""Scores: what followed each decision, and what the decisions were worth."""
