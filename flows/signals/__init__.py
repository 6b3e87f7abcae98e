"""From a trusted book to a typed signal."""
