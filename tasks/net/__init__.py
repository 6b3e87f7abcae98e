"""Sockets, cuts, limits, waits: what any venue needs of a network."""
