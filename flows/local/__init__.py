"""Prefect, venue and stream on one machine: `leadline up`."""
