"""What a feed asks the venue for over REST: seeds, audits, listings."""
