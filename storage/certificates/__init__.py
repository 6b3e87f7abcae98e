"""What a symbol's day is worth, from the store."""
