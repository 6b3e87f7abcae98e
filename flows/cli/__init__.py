"""The command line itself: which commands there are, their overview, exit codes, errors on stderr."""

from leadline.flows.cli.program import main, parse

__all__ = ["main", "parse"]
