"""
The note an owner leaves beside its database, so that others find it: ``<db>.quack.json``, mode 0600.

Tokens in it are the keys to the ports; whoever may read the file may use the store. The note of an owner
that died stays behind; readers find out by calling, and the next owner replaces it.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from leadline.storage.files.whole import read_note, write_note


@dataclass(frozen=True, slots=True)
class Address:
    """Where an owner answers; ``uri_ro`` and ``token_ro`` open the read-only port."""

    pid: int
    uri: str
    token: str
    uri_ro: str
    token_ro: str
    duckdb: str  # version of the owner's library; client and owner must agree

    def port(self, *, write: bool) -> tuple[str, str]:
        """Return uri and token of the port for writers or for readers."""
        return (self.uri, self.token) if write else (self.uri_ro, self.token_ro)

    def is_alive(self) -> bool:
        """Whether the process that wrote the note still runs; its port may be another's by now."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except OSError:
            return True  # it runs, as somebody else
        return True


def beside(db: Path, suffix: str) -> Path:
    """Name a companion file of a database."""
    return db.with_name(db.name + suffix)


def address_path(db: Path) -> Path:
    """Name the note of a database."""
    return beside(db, ".quack.json")


def write_address(db: Path, address: Address) -> None:
    """Put the note in place at once, readable by its user only."""
    write_note(address_path(db), address, mode=0o600)


def read_address(db: Path) -> Address | None:
    """Read the note; None when there is none or it is not one of ours."""
    return read_note(address_path(db), Address)


def remove_address(db: Path, address: Address) -> None:
    """Take the note away if it is still this owner's."""
    if read_address(db) == address:
        with contextlib.suppress(OSError):
            address_path(db).unlink(missing_ok=True)
