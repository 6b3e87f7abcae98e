"""Binance's messages, decoded."""
