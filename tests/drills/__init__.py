"""Drills: longer exercises against real processes, run by hand or by a script, not by pytest."""
