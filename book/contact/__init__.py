"""First contact: what a venue sends, held against what its documents say; no sockets here."""
