"""What is computed from books: features, micro-price, baselines, shocks."""
