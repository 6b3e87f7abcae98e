"""Bybit spot and linear, with books of 50, 200 or 1000 levels."""
