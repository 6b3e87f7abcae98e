"""Signals: what a decision may look at, the decisions themselves, the texts behind them."""
