"""
Results on stdout, everything else on stderr; and who reads them.

No text from elsewhere reaches a terminal as a command: `flows.render.visible` shows what it hides.
"""

from __future__ import annotations

import getpass
import io
import json
import os
import re
import sys
from collections.abc import Iterable
from typing import Any, NoReturn

from leadline.flows.render.visible import json_text, visible

# What tables and books are drawn with, where a terminal knows only ASCII.
DRAWN = str.maketrans(
    {"─": "-", "…": "~", "µ": "u", "✔": "+", "✘": "x", "·": ".", **dict.fromkeys("▏▎▍▌▋▊▉█", "#")}
)
BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")


def to_stderr(text: str) -> None:
    """Print a message on stderr."""
    print(visible(text), file=sys.stderr, flush=True)


def to_stdout(lines: Iterable[str], *, is_data: bool = False) -> None:
    """
    Print lines of a result on stdout; hidden characters are shown.

    With ``is_data``, as for csv, a file or another program gets every character as it is, and only a
    terminal sees escapes: csv has no escapes of its own. Then it raises `UnicodeEncodeError` where a letter
    would be lost.
    """
    is_exact = is_data and not sys.stdout.isatty()
    for line in lines:
        text = line if is_exact else visible(line)
        if is_data:
            text.encode(sys.stdout.encoding or "utf-8")
        sys.stdout.write(fitted(text, sys.stdout.encoding) + "\n")
    sys.stdout.flush()


def json_to_stdout(value: Any) -> None:
    """Print a result as one line of JSON on stdout."""
    json_lines_to_stdout([json_text(value)])


def json_lines_to_stdout(lines: Iterable[str]) -> None:
    """Print lines of JSON; what stdout cannot show is written as JSON's own escapes."""
    to_stdout(
        line if is_shown(line, sys.stdout.encoding) else BEYOND_ASCII.sub(_escaped, line) for line in lines
    )


def _escaped(letter: re.Match[str]) -> str:
    return json.dumps(letter[0])[1:-1]


def is_shown(text: str, encoding: str | None) -> bool:
    """Whether a terminal of this encoding can show a text."""
    try:
        text.encode(encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def fitted(text: str, encoding: str | None) -> str:
    """Return a text for a terminal of this encoding: lines and bars in ASCII, the rest as escapes."""
    if is_shown(text, encoding):
        return text
    name = encoding or "utf-8"
    return text.translate(DRAWN).encode(name, "backslashreplace").decode(name)


def never_fail_to_show() -> None:
    """Have stdout write escapes for what its encoding lacks, as stderr does."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors in {"strict", "surrogateescape"}:
        sys.stdout.reconfigure(errors="backslashreplace")


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
