"""Settings: read once, from file, environment, Variables and flags."""
