"""The demo and its proofs."""
