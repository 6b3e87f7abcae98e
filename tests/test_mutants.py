"""The hand-broken variants still apply to the code as it stands; `make mutants` runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants.__main__ import break_file, copy_project, ensure_applies
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
