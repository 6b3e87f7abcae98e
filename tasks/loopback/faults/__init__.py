"""Faults of the built-in venue, on command and by chance."""
