"""How one stream's rows end and the next one's begin."""
