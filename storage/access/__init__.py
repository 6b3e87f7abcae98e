"""Who may open the database, and how SQL reaches it."""
