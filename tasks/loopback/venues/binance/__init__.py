"""Binance spot, USD-M and COIN-M, as the built-in venue plays them."""
