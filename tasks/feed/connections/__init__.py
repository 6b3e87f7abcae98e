"""Connections of a feed: in use, standing by, merged, judged live or dead."""
