"""The edges that touch a network and may be retried: the venue, and the loopback venue for tests."""
