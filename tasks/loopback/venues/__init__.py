"""What the built-in venue says and understands when it plays a venue, one folder for each."""
