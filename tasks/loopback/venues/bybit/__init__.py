"""Bybit spot and linear, as the built-in venue plays them."""
