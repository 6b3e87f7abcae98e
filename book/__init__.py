"""The market and nothing else: messages, sequence rules, books, features. No I/O, no clock, no SQL."""
