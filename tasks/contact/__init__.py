"""First contact with a venue: stream for a while, and hold what comes against its documents."""
