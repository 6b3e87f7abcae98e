"""
Open DuckDB the one way this project does: in UTC, with extensions from their installed packages.

`open_duckdb` is the only caller of ``duckdb.connect``. The tables hold UTC without a zone, while ``now()``
has one: DuckDB compares and casts the two in its own time zone, by default that of the machine.

Extensions are loaded by path: nothing is fetched, HOME is not touched. The packages carry the signed
official binaries; DuckDB checks the signature on every load. ICU, which knows time zones, is part of
DuckDB's wheel.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path

import duckdb

from leadline.storage.errors import StoreError

# The client side of Quack speaks through httpfs; loading it first keeps DuckDB from looking for it online.
QUACK_EXTENSIONS = ("httpfs", "quack")

_NO_DOWNLOADS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


def open_duckdb(
    path: Path | str = ":memory:",
    settings: Mapping[str, str | int] | None = None,
    *,
    read_only: bool = False,
) -> duckdb.DuckDBPyConnection:
    """
    Open a DuckDB file, or one in memory, with ``settings`` of DuckDB's own; raises `duckdb.Error`.

    All its cursors and the sessions it serves count time in UTC, also where TZ says otherwise.
    """
    con = duckdb.connect(str(path), read_only=read_only, config={**_NO_DOWNLOADS, **(settings or {})})
    try:
        # Not by ``config``: that is read before ICU, whose setting this is, has been set up.
        con.execute("SET GLOBAL TimeZone = 'UTC'")
    except BaseException:
        con.close()
        raise
    return con


def extension_path(name: str) -> Path:
    """Find the binary of an installed ``duckdb-extension-*`` package; raises `StoreError` if missing."""
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
        if path.is_file():
            return path
    raise StoreError(
        f"DuckDB {duckdb.__version__} needs its {name} extension: "
        f"install duckdb-extension-{name}=={duckdb.__version__}"
    )


def load_quack(con: duckdb.DuckDBPyConnection) -> None:
    """Load what serving and calling need into the instance behind ``con`` (about 0.3 s)."""
    for name in QUACK_EXTENSIONS:
        con.load_extension(str(extension_path(name)))
