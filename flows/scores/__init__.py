"""The report on what signals were worth."""
