"""Bybit's messages, decoded, and how its deltas join."""
