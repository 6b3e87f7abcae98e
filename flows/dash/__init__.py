"""One page to look at: asked of the store at once, drawn, written to a file or served on this machine."""
