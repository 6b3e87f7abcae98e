"""Check stored data: trust, certify."""
