"""The hand-broken variants still apply to the code as it stands; `make mutants` runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants.__main__ import Outcome, Results, break_file, copy_project, digest, ensure_applies
from tests.mutants.variant import Variant
from tests.mutants.variants import VARIANTS


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_variant_applies(variant: Variant) -> None:
    ensure_applies(variant)
    assert variant.old != variant.new


def test_what_is_broken_is_what_the_copy_imports(tmp_path: Path) -> None:
    copy_project(tmp_path)
    for variant in VARIANTS:
        sound = break_file(tmp_path, variant)
        assert variant.new in (tmp_path / "leadline" / variant.file).read_text(encoding="utf-8")
        (tmp_path / variant.file).write_text(sound, encoding="utf-8")


def test_a_stopped_run_goes_on_and_other_text_begins_anew(tmp_path: Path) -> None:
    project, kept = tmp_path / "copy", tmp_path / "kept" / "results.jsonl"
    project.mkdir()
    (project / "a.py").write_text("1", encoding="utf-8")
    found = Outcome(1, "tests/test_a.py", 0.5)
    first = Results(kept, digest(project))
    assert first.of("x", lambda: found) == found
    again = Results(kept, digest(project))
    assert again.of("x", lambda: pytest.fail("it is known")) == found
    (project / "a.py").write_text("2", encoding="utf-8")
    assert len(Results(kept, digest(project))) == 0
