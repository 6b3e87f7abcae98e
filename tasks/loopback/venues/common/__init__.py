"""What every venue that is played has to bring, and what the parts of several share."""
