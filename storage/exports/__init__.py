"""Ways out of the store, each with a certificate and a hash of what it carries; and the way back in."""
