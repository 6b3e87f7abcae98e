"""Certificates of days, written and shown as pages."""
