"""The feed: what arrives, book by book, and what the stream asks for."""
