"""A synthetic market from a seed, and its messages."""
