"""A page of the report allows what it holds, and nothing else."""

from __future__ import annotations

from leadline.flows.dash.skin import page, policy
from leadline.flows.render.elements import Html


def test_a_page_allows_its_own_script_and_no_other() -> None:
    assert "script-src" not in policy()
    assert "script-src 'sha256-" in policy("let x = 1;")
    assert policy("let x = 1;") != policy("let x = 2;")
    assert "http-equiv" in page("x", Html(""))
