"""What is asked of a model and what it may answer; no sockets."""
