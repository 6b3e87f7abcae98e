"""Recordings and exports: record, replay, export, import."""
