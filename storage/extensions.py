"""
Load DuckDB's extensions from their installed packages, by path: nothing is fetched, HOME is not touched.

The packages carry the signed official binaries; DuckDB checks the signature on every load.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import duckdb

from storage.errors import StoreError

# The client side of Quack speaks through httpfs; loading it first keeps DuckDB from looking for it online.
QUACK_EXTENSIONS = ("httpfs", "quack")

NO_DOWNLOADS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


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
