"""Every frame to its book, and what is counted on the way."""
