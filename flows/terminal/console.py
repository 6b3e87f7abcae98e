"""Results on stdout, everything else on stderr; and who reads them."""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Iterable
from typing import Any, NoReturn


def to_stderr(text: str) -> None:
    """Print a message on stderr."""
    print(text, file=sys.stderr, flush=True)


def to_stdout(lines: Iterable[str]) -> None:
    """Print lines of a result on stdout."""
    for line in lines:
        sys.stdout.write(line + "\n")
    sys.stdout.flush()


def json_to_stdout(value: Any) -> None:
    """Print a result as one line of JSON on stdout."""
    to_stdout([json.dumps(value, ensure_ascii=False)])


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
