"""The wheel as people get it: what is in it, and what it does far from the source tree."""
