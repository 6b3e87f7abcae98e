"""Hand-broken variants of the code, and the proof that the tests notice each (`make mutants`)."""
