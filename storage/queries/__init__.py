"""Questions that people and commands ask."""
