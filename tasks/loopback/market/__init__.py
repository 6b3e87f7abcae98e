"""What the built-in venue shows: a synthetic market or a recording."""
