"""What a command says: results on stdout, words about them on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import NoReturn


def say(text: str) -> None:
    """Print one line on stderr."""
    print(text, file=sys.stderr, flush=True)


def put(lines: Iterable[str]) -> None:
    """Print result lines on stdout."""
    for line in lines:
        sys.stdout.write(line + "\n")
    sys.stdout.flush()


def leave(code: int) -> NoReturn:
    """End the process now: Prefect would go on for minutes to wait for an API that is away."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
