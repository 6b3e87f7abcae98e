"""What the declarations of tables share: the metadata, types, and columns that come again and again."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

metadata = sa.MetaData()

DOUBLES = sa.ARRAY(sa.Double)
USD = sa.Numeric(18, 12)  # one row's cost; the price of one token has up to 12 decimals
USD_LIMIT = sa.Numeric(18, 6)


def col(
    name: str, kind: type[TypeEngine[Any]] | TypeEngine[Any], comment: str, **rest: Any
) -> sa.Column[Any]:
    """Make a column that must be filled; ``nullable`` or ``primary_key`` by keyword."""
    rest.setdefault("nullable", False)
    return sa.Column(name, kind, comment=comment, autoincrement=False, **rest)


def opt(name: str, kind: type[TypeEngine[Any]] | TypeEngine[Any], comment: str) -> sa.Column[Any]:
    """Make a column that may be NULL."""
    return col(name, kind, comment, nullable=True)


def market() -> tuple[sa.Column[Any], sa.Column[Any]]:
    """Make the columns that say which book it is about."""
    return (
        col("venue", sa.String, "for example binance-spot"),
        col("symbol", sa.String, "as the venue writes it, upper case"),
    )
