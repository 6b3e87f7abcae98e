"""
Results on stdout, everything else on stderr; and who reads them.

No text from elsewhere reaches a terminal as a command: `flows.render.visible` shows what it hides.
"""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Iterable
from typing import Any, NoReturn

from leadline.flows.render.visible import json_text, visible


def to_stderr(text: str) -> None:
    """Print a message on stderr."""
    print(visible(text), file=sys.stderr, flush=True)


def to_stdout(lines: Iterable[str], *, is_data: bool = False) -> None:
    """
    Print lines of a result on stdout; hidden characters are shown.

    With ``is_data``, as for csv, a file or another program gets every character as it is, and only a
    terminal sees escapes: csv has no escapes of its own.
    """
    is_exact = is_data and not sys.stdout.isatty()
    for line in lines:
        sys.stdout.write((line if is_exact else visible(line)) + "\n")
    sys.stdout.flush()


def json_to_stdout(value: Any) -> None:
    """Print a result as one line of JSON on stdout."""
    to_stdout([json_text(value)])


def exit_now(code: int) -> NoReturn:
    """End the process now: Prefect would wait for minutes for an API that is away."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def user_name() -> str:
    """Return who runs this process."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id without a name, as in a container
        return "unknown user"
