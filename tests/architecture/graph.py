"""Who imports whom, read from source: modules and folders as a graph, its circles, its backward arrows."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "leadline"
FLOORS = ("flows", "tasks", "storage", "book")  # each may import itself and what stands right of it


@dataclass(frozen=True, slots=True, order=True)
class Arrow:
    """``importer`` imports ``imported``; both are paths below the source tree."""

    importer: str
    imported: str


def modules(root: Path) -> dict[str, str]:
    """Return the path of every module of the four floors, by its dotted name."""
    found = {}
    for floor in FLOORS:
        for path in sorted((root / floor).rglob("*.py")):
            relative = path.relative_to(root)
            parts = relative.with_suffix("").parts
            dotted = ".".join((PACKAGE, *(parts[:-1] if parts[-1] == "__init__" else parts)))
            found[dotted] = relative.as_posix()
    return found


def imports(source: str) -> Iterator[tuple[str, ...]]:
    """Yield what a file imports, annotation-only imports included: candidates, the likeliest first."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (alias.name,)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"line {node.lineno}: a relative import hides where it points")
            for alias in node.names:
                yield (f"{node.module}.{alias.name}", str(node.module))


def arrows(root: Path) -> set[Arrow]:
    """Return every import between files of the four floors."""
    known = modules(root)
    return {
        Arrow(path, known[target])
        for path in known.values()
        for candidates in imports((root / path).read_text(encoding="utf-8"))
        if (target := next((name for name in candidates if name in known), None)) is not None
        and known[target] != path
    }


def backward(found: Iterable[Arrow]) -> list[Arrow]:
    """Return the arrows that point left."""
    return sorted(
        arrow
        for arrow in found
        if FLOORS.index(arrow.imported.split("/")[0]) < FLOORS.index(arrow.importer.split("/")[0])
    )


def between_folders(found: Iterable[Arrow]) -> set[Arrow]:
    """Return the arrows between folders; a folder and one inside it are two."""
    pairs = ((arrow.importer.rpartition("/")[0], arrow.imported.rpartition("/")[0]) for arrow in found)
    return {Arrow(importer, imported) for importer, imported in pairs if importer != imported}


def circles(found: Iterable[Arrow]) -> list[list[str]]:
    """Return each set of places that can all reach each other (Tarjan's strongly connected components)."""
    reach: dict[str, list[str]] = {}
    for arrow in sorted(found):
        reach.setdefault(arrow.importer, []).append(arrow.imported)
        reach.setdefault(arrow.imported, [])
    return sorted(sorted(each) for each in _components(reach) if len(each) > 1)


def _components(reach: Mapping[str, list[str]]) -> list[list[str]]:
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    done: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for after in reach[node]:
            if after not in index:
                visit(after)
                low[node] = min(low[node], low[after])
            elif after in stack:
                low[node] = min(low[node], index[after])
        if low[node] == index[node]:
            done.append(stack[stack.index(node) :])
            del stack[stack.index(node) :]

    for node in reach:
        if node not in index:
            visit(node)
    return done
