"""Keeping a book in step with its stream: states, rules, events."""
