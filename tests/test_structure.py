"""The house stands as its pages say: files stay readable, one place opens DuckDB, nothing leaks in."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import duckdb
import pytest

ROOT = Path(__file__).parents[1]
MAX_LINES = 400
PURE_BOOK_FORBIDS = {
    "asyncio", "duckdb", "httpx", "logging", "os", "pathlib", "prefect", "random", "socket",
    "sqlalchemy", "subprocess", "threading", "time", "websockets",
}  # fmt: skip
ALLOWED_IN_BOOK = {
    ("book/engine/factory.py", "time"),  # the default of an argument: the caller's monotonic clock
    ("book/kernel/memory.py", "time"),  # the number of that clock, for the kernel to read the same one
    ("book/synthetic/market.py", "random"),  # the seeded generator of the synthetic market, and its type
    ("book/synthetic/specs.py", "random"),
}


def tracked(pattern: str) -> list[Path]:
    """List the files git knows, or would add, that match ``pattern``."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).exists()]


def imported_roots(path: Path) -> set[str]:
    """Name the top-level modules that a file imports, anywhere in it."""
    roots: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            roots |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import hides where it points"
            roots.add((node.module or "").partition(".")[0])
    return roots


def test_book_is_pure() -> None:
    wrong = {
        (str(path.relative_to(ROOT)), name)
        for path in (ROOT / "book").rglob("*.py")
        for name in imported_roots(path) & PURE_BOOK_FORBIDS
    }
    assert wrong <= ALLOWED_IN_BOOK


def test_only_storage_holds_sql() -> None:
    sql = re.compile(r"\b(SELECT\s.+\sFROM|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM)\b", re.DOTALL)
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for layer in ("book", "tasks")
        for path in (ROOT / layer).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and sql.search(node.value)
    ]
    assert not wrong


def opens_duckdb(tree: ast.AST) -> set[int]:
    """
    Find the lines that could open DuckDB by themselves: only its classes and version are harmless.

    A function of the module opens one or works on its default one, which stands in the machine's time
    zone; so may the bare module, handed on. SQLAlchemy opens one unless it is given a ``creator``.
    """
    found = set()
    known = {
        alias.asname or "duckdb"
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name.partition(".")[0] == "duckdb"
    }
    harmless = set()
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=name) as module, attr=attr) if name in known:
                if is_harmless(attr):
                    harmless.add(module)
            case ast.ImportFrom(module=str(module_name)) if module_name.partition(".")[0] == "duckdb":
                if not all(is_harmless(alias.name) for alias in node.names):
                    found.add(node.lineno)
            case ast.Call(func=ast.Name(id="create_engine") | ast.Attribute(attr="create_engine")):
                if not any(keyword.arg == "creator" for keyword in node.keywords):
                    found.add(node.lineno)
            case ast.Constant(value=str(text)) if re.search(r"\bimport duckdb\b|^duckdb$", text):
                found.add(node.lineno)
    names = (node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in known)
    return found | {node.lineno for node in names if node not in harmless}


def is_harmless(name: str) -> bool:
    return name == "__version__" or isinstance(getattr(duckdb, name, None), type)


def test_only_one_place_opens_duckdb() -> None:
    found = {
        (str(path.relative_to(ROOT)), line)
        for path in tracked("*.py")
        if path.name != Path(__file__).name
        for line in opens_duckdb(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert {path for path, _ in found} == {"storage/access/extensions.py"}, sorted(found)
    assert len(found) == 1


@pytest.mark.parametrize(
    "code",
    [
        "import duckdb\nduckdb.connect()",
        "import duckdb\nduckdb.sql('SELECT now()')",
        "import duckdb as d\nd.connect('x.duckdb', read_only=True)",
        "from duckdb import connect",
        "from duckdb import DuckDBPyConnection, sql",
        "import duckdb\nopen = duckdb.connect",
        "import duckdb\ngetattr(duckdb, 'connect')()",
        "import importlib\nimportlib.import_module('duckdb')",
        "import sqlalchemy as sa\nsa.create_engine('duckdb:///x.duckdb')",
        "run([python, '-c', 'import duckdb; duckdb.connect()'])",
    ],
)
def test_another_opener_would_be_found(code: str) -> None:
    assert opens_duckdb(ast.parse(code))


def test_files_fit_in_a_head() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MAX_LINES
    }
    assert not long


def test_lock_file_has_hashes_and_names_no_index() -> None:
    for name, at_least in (
        ("requirements.lock", 40),
        ("requirements-peers.lock", 40),
        ("requirements-prices.lock", 2),
        ("requirements-docs.lock", 2),
    ):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert not re.search(r"https?://|index-url|find-links", text)
        pins = re.findall(r"^[\w.-]+(?:\[[\w,-]+\])?==\S+", text, re.MULTILINE)
        assert len(pins) > at_least
        assert text.count("--hash=sha256:") >= len(pins)


def test_lock_of_node_packages_has_hashes_and_names_no_registry() -> None:
    text = (ROOT / "tests/tasks/llm/peers/package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in text
    assert "://" not in text
    assert text.count('"integrity": "sha512-') == text.count('"node_modules/')


def test_nothing_of_a_machine_leaks_in() -> None:
    leak = re.compile(r"(?<![\w.])/(?:root|home/\w+|Users/\w+)/|\.pyenv")
    wrong = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in tracked("*")
        if path.is_file()
        and path.suffix in {".py", ".md", ".toml", ".yaml", ".yml", ""}
        and path.name != Path(__file__).name
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if leak.search(line)
    ]
    assert not wrong
