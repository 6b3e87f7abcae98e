"""One live book: bytes in, rows out; the plain engine and the compiled one."""
