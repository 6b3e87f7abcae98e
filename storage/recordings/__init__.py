"""Raw frames in files: the one reader of them, and the ways in which others write their lines."""
