"""Which symbols are wanted: the last word on each."""
