"""
Apply each mutant to a copy of the project, run the tests that should notice, print what happened.

A mutant replaces one exact text in one file. It is *caught* when the chosen tests fail, *survives* when
they pass. The same tests run on the unbroken copy first: tests that fail without a mutant prove nothing.
Outcomes are kept in .mutants/ under a hash of all files, so a run that was stopped goes on where it was.
Exit code 0 only if the unbroken copy passes and every mutant is caught.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.mutants.variant import Variant
from tests.mutants.variants import VARIANTS

ROOT = Path(__file__).parents[2]
COPIED = ("leadline", "book", "storage", "tasks", "flows", "tests", "prefect.yaml", "pyproject.toml")
RESULTS = ROOT / ".mutants" / "results.jsonl"
TEST_TIMEOUT_S = 300


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the tests said: pytest's exit code, the first failing test, and how long it took."""

    code: int
    first_failure: str
    seconds: float

    @property
    def caught(self) -> bool:
        """Tests ran and at least one failed; a usage or collection error counts for nothing."""
        return self.code == 1


def copy_project(into: Path) -> None:
    """Copy what the tests need, links as links; bytecode and caches stay behind."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, into / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy2(source, into / name)


def run_tests(project: Path, tests: tuple[str, ...]) -> Outcome:
    """Run the chosen tests inside the copy, stopping at the first failure."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(project),
        "PYTHONDONTWRITEBYTECODE": "1",
        "NUMBA_CACHE_DIR": str(project / ".numba"),
        "LEADLINE_RECORDINGS": os.environ.get("LEADLINE_RECORDINGS", str(ROOT.parent / "shared" / "data")),
    }
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    start = time.monotonic()
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True,
        timeout=TEST_TIMEOUT_S, check=False,
    )  # fmt: skip
    failures = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    last_words = (done.stdout + done.stderr).strip().splitlines()[-1:] or ["no output"]
    return Outcome(done.returncode, failures[0] if failures else last_words[0], time.monotonic() - start)


def ensure_applies(variant: Variant) -> None:
    """Refuse a variant whose text does not stand once in its file; raises `SystemExit` saying so."""
    if (found := (ROOT / variant.file).read_text(encoding="utf-8").count(variant.old)) != 1:
        raise SystemExit(
            f"mutant {variant.name!r}: expected its text once in {variant.file}, found it {found} times; "
            "the code has moved on, so update tests/mutants/variants/"
        )


def break_file(project: Path, variant: Variant) -> str:
    """Apply the variant inside the copy and return the sound text."""
    path = project / variant.file
    sound = path.read_text(encoding="utf-8")
    path.write_text(sound.replace(variant.old, variant.new), encoding="utf-8")
    return sound


def digest(project: Path) -> str:
    """Return one hash of every file of the copy: an outcome holds for exactly this text."""
    total = hashlib.sha256()
    for path in sorted(project.rglob("*")):
        if path.is_file() and not path.is_symlink() and "__pycache__" not in path.parts:
            total.update(f"{path.relative_to(project)}\0".encode())
            total.update(path.read_bytes())
    return total.hexdigest()


class Results:
    """Outcomes of earlier runs over the same text, a line each; a stopped run goes on from there."""

    def __init__(self, path: Path, tree: str) -> None:
        self._path, self._tree = path, tree
        self._known: dict[str, Outcome] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                found_in, what = row.pop("tree"), row.pop("what")
                if found_in == tree:
                    self._known[what] = Outcome(**row)

    def __len__(self) -> int:
        return len(self._known)

    def of(self, what: str, find: Callable[[], Outcome]) -> Outcome:
        """Return what is known of ``what``, else find and keep it."""
        if what not in self._known:
            outcome = self._known[what] = find()
            self._path.parent.mkdir(exist_ok=True)
            with self._path.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps({"tree": self._tree, "what": what, **asdict(outcome)}) + "\n")
        return self._known[what]


def try_variant(project: Path, variant: Variant) -> Outcome:
    """Break the file, run the variant's tests, put the sound text back."""
    sound = break_file(project, variant)
    try:
        return run_tests(project, variant.tests)
    finally:
        (project / variant.file).write_text(sound, encoding="utf-8")


def main() -> int:
    """Run all mutants, or those named; print a table as they fall."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help="only these mutants (default: all)")
    parser.add_argument("--fresh", action="store_true", help="forget what earlier runs found")
    options = parser.parse_args()
    if unknown := set(options.names) - {variant.name for variant in VARIANTS}:
        parser.error(f"no such mutant: {', '.join(sorted(unknown))}")
    if options.fresh:
        RESULTS.unlink(missing_ok=True)
    chosen = [variant for variant in VARIANTS if not options.names or variant.name in options.names]
    for variant in chosen:
        ensure_applies(variant)
    console = Console()
    table = Table("mutant", "file", "verdict", "noticed by", "s", title="Hand-broken variants")
    with tempfile.TemporaryDirectory(prefix="leadline-mutants-") as folder:
        project = Path(folder)
        copy_project(project)
        results = Results(RESULTS, digest(project))
        console.print(f"{len(results)} outcomes of this text are known from earlier runs")
        survivors = 0
        for number, variant in enumerate(chosen, 1):
            tests = variant.tests
            sound = results.of(
                f"unbroken: {' '.join(tests)}", lambda tests=tests: run_tests(project, tests)
            )
            if sound.code != 0:
                console.print(f"[red]the unbroken code does not pass its tests:[/] {sound.first_failure}")
                return 1
            outcome = results.of(variant.name, lambda variant=variant: try_variant(project, variant))
            verdict = "caught" if outcome.caught else "SURVIVED"
            survivors += not outcome.caught
            console.print(f"{number}/{len(chosen)} {verdict:9} {variant.name} ({outcome.seconds:.0f} s)")
            table.add_row(
                variant.name, variant.file, verdict, outcome.first_failure, f"{outcome.seconds:.0f}"
            )  # fmt: skip
    console.print(table)
    console.print(f"{len(chosen) - survivors} of {len(chosen)} mutants caught")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
