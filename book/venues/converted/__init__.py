"""Market data that came as tables without update ids: its frames, and what they can prove."""
