"""The hand-broken variants still apply to the code as it stands; `make mutants` runs them."""

from __future__ import annotations

import pytest

from tests.mutants.__main__ import ensure_applies
from tests.mutants.variants import VARIANTS, Variant


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_variant_applies(variant: Variant) -> None:
    ensure_applies(variant)
    assert variant.old != variant.new
