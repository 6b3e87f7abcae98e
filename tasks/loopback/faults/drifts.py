"""
Drift: the venue says something other than its documents, on one kind of message or of address.

    stream    what changes: a kind of stream (depth, bookTicker, trade, …), ``reply``, ``headers``,
              ``rest/depth`` and the like by the last word of the path, or ``address``
    text      a JSON object of changes, done in this order

    {"drop": ["data.E"], "rename": {"data.u": "z"}, "set": {"data.x": 1}, "text": ["data.E"],
     "add": {"lastUpdateId": 9}, "scale": {"data.E": 1000}, "cut": {"bids": 7}}

A path names a field within objects; ``*`` stands for every entry of a list. ``add`` and ``scale`` work on
numbers and on numbers in texts. Of addresses: ``refuse`` (404), ``silence``, ``wrap``, ``bare`` and
``millis``, each with a part of the address that it concerns.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any, TypeAlias

from leadline.book.errors import BadInput

Changes: TypeAlias = dict[str, Any]

ADDRESS, REPLY, HEADERS, REST = "address", "reply", "headers", "rest/"
ON_ADDRESSES = ("refuse", "silence", "wrap", "bare", "millis")
EVERY = "*"


def read(stream: str, text: str) -> Changes:
    """Read an order; raises `BadInput` for one that cannot be carried out."""
    try:
        changes = json.loads(text)
    except ValueError:
        changes = None
    known = ON_ADDRESSES if stream == ADDRESS else tuple(_VERBS)
    if not isinstance(changes, dict) or not changes or not set(changes) <= set(known):
        raise BadInput(f"drift: text is a JSON object of {', '.join(known)}, got {text!r}")
    return changes


def is_topic(stream: str) -> bool:
    """Whether a drift is about messages of a stream."""
    return stream not in (ADDRESS, REPLY, HEADERS) and not stream.startswith(REST)


def drifted(body: bytes, changes: Changes) -> bytes:
    """Return a message with the changes; one that is no JSON stays as it is."""
    try:
        message = json.loads(body)
    except ValueError:
        return body
    apply(message, changes)
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()


def apply(message: Any, changes: Changes) -> None:
    """Change a message in place."""
    for verb, act in _VERBS.items():
        wanted = changes.get(verb, {})
        for path, value in (
            wanted.items() if isinstance(wanted, dict) else ((each, None) for each in wanted)
        ):
            for holder, key in _places(message, path.split(".")):
                act(holder, key, value)


def _places(at: Any, path: list[str]) -> Iterator[tuple[Any, Any]]:
    """Find every place that a path names; the last step need not be there yet."""
    step, rest = path[0], path[1:]
    if step == EVERY and isinstance(at, list):
        for n, each in enumerate(at):
            yield from _places(each, rest) if rest else ((at, n),)
    elif isinstance(at, MutableMapping):
        if not rest:
            yield at, step
        elif step in at:
            yield from _places(at[step], rest)
    elif isinstance(at, list) and step.isdigit() and int(step) < len(at):
        yield from _places(at[int(step)], rest) if rest else ((at, int(step)),)


def _drop(holder: Any, key: Any, _value: Any) -> None:
    if key in holder:
        del holder[key]


def _rename(holder: Any, key: Any, value: Any) -> None:
    if key in holder:
        holder[value] = holder.pop(key)


def _set(holder: Any, key: Any, value: Any) -> None:
    holder[key] = value


def _text(holder: Any, key: Any, _value: Any) -> None:
    if _has(holder, key):
        holder[key] = str(holder[key])


def _number(change: Callable[[Any, Any], Any]) -> Callable[[Any, Any, Any], None]:
    def act(holder: Any, key: Any, value: Any) -> None:
        if not _has(holder, key):
            return
        old = holder[key]
        new = change(float(old) if isinstance(old, str) and "." in old else int(old), value)
        holder[key] = str(new) if isinstance(old, str) else new

    return act


def _cut(holder: Any, key: Any, value: Any) -> None:
    if _has(holder, key):
        holder[key] = holder[key][:value]


def _has(holder: Any, key: Any) -> bool:
    return isinstance(holder, list) or key in holder


_VERBS: dict[str, Callable[[Any, Any, Any], None]] = {
    "drop": _drop,
    "rename": _rename,
    "set": _set,
    "text": _text,
    "add": _number(lambda old, value: old + value),
    "scale": _number(lambda old, value: old * value),
    "cut": _cut,
}
