"""Venues: what each offers, and where."""
