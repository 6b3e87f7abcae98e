"""Raw frames in files: recorded, read, replayed."""
