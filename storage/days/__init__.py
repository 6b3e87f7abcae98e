"""A market and a UTC day: what is certified of it, and its course for plots."""
