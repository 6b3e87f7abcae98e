"""What a command says: results on stdout, words about them on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable


def say(text: str) -> None:
    """Print one line on stderr."""
    print(text, file=sys.stderr, flush=True)


def put(lines: Iterable[str]) -> None:
    """Print result lines on stdout."""
    for line in lines:
        sys.stdout.write(line + "\n")
    sys.stdout.flush()
