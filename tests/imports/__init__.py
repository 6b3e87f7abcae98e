"""Which file every module came from, in every Python process that a test starts, however deep."""
