"""
Values as DuckDB literals, for the one place that cannot bind them: a statement sent to the owner as text.

Parameters travel as ``PREPARE … ; EXECUTE …(literals)``, so the statement itself is never edited; only
the argument list is made here, from Python values, each by its type.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

from leadline.book.errors import BadInput
from leadline.storage.access.guard import PREPARE_HEAD, PREPARE_TAIL
from leadline.storage.access.sql import utc_naive
from leadline.storage.quoting import quoted

Params: TypeAlias = Sequence[object] | Mapping[str, object] | None


def literal(value: object) -> str:
    """Write one value as a literal of its type; raises `BadInput` for a type that has none."""
    if value is None:
        return "NULL"
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            return write(value)
    item = getattr(value, "item", None)  # a NumPy scalar
    if callable(item):
        return literal(item())
    raise BadInput(f"a parameter of type {type(value).__name__} cannot be sent: {value!r:.60}")


def bindable(params: Params) -> Params:
    """Make parameters of a connection in process mean what they mean as literals."""
    if not params:
        return None
    if isinstance(params, Mapping):
        return {name: _plain(value) for name, value in params.items()}
    return [_plain(value) for value in params]


def _plain(value: object) -> object:
    match value:
        case Decimal() if value.is_finite():
            return Decimal(f"{value:f}")  # DuckDB 1.5 binds Decimal("1E+5") as 1.00000
        case dt.datetime():
            return utc_naive(value)
        case dict():
            return json.dumps(value, ensure_ascii=False)
    return value


def _decimal(value: Decimal) -> str:
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):  # NaN and infinities
        return _float(float(value))
    scale = max(0, -exponent)
    width = max(len(value.as_tuple().digits) + max(0, exponent), scale) + 1
    if width > 38:  # noqa: PLR2004  DuckDB's widest DECIMAL
        raise BadInput(f"{value} needs {width} digits, at most 38 fit")
    return f"CAST('{value:f}' AS DECIMAL({width}, {scale}))"


def _float(value: float) -> str:
    # A cast text keeps DOUBLE: a bare 0.1 would be a DECIMAL.
    return f"CAST('{float(value)!r}' AS DOUBLE)"


def _blob(value: bytes) -> str:
    return "'" + "".join(f"\\x{byte:02X}" for byte in bytes(value)) + "'::BLOB"


def _list(value: Sequence[object]) -> str:
    return "[" + ", ".join(literal(item) for item in value) + "]"


# The first that fits counts: bool before int, datetime before date.
_WRITERS: tuple[tuple[type | tuple[type, ...], Callable[[Any], str]], ...] = (
    (bool, lambda value: "true" if value else "false"),
    (int, lambda value: str(int(value))),
    (float, _float),
    (Decimal, _decimal),
    (str, quoted),
    ((bytes, bytearray, memoryview), _blob),
    (dt.datetime, lambda value: f"TIMESTAMP '{utc_naive(value).isoformat(sep=' ')}'"),
    (dt.date, lambda value: f"DATE '{value.isoformat()}'"),
    (dt.time, lambda value: f"TIME '{value.replace(tzinfo=None).isoformat()}'"),
    (dt.timedelta, lambda value: f"to_microseconds({value // dt.timedelta(microseconds=1)})"),
    (UUID, lambda value: f"CAST('{value}' AS UUID)"),
    (dict, lambda value: quoted(json.dumps(value, ensure_ascii=False))),
    ((list, tuple), _list),
)


def with_params(sql: str, params: Params) -> str:
    """Join a statement with ``?``, ``$1`` or ``$name`` and its parameters into one text to send."""
    if not params:
        return sql
    if isinstance(params, Mapping):
        for name in params:
            if not name.isidentifier():
                raise BadInput(f"parameter name {name!r} is not an identifier")
        arguments = ", ".join(f"{name} := {literal(value)}" for name, value in params.items())
    else:
        arguments = ", ".join(literal(value) for value in params)
    return f"{PREPARE_HEAD}{sql.strip().rstrip(';')}{PREPARE_TAIL}{arguments})"
