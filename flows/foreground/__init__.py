"""The stream flow in this terminal, and its picture."""
