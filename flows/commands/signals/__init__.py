"""Signals and their scores: signals, score, rescore."""
