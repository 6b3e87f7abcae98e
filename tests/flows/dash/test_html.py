"""What is shown cannot break out of the page."""

from __future__ import annotations

from html import unescape

import pytest

from flows.dash.html import Html, join, page, policy, table, tag


@pytest.mark.parametrize("hostile", ["<script>x</script>", "&amp;", '"><img src=x>', "it's"])
def test_every_text_is_escaped_once(hostile: str) -> None:
    made = tag("p", hostile, title=hostile)
    title, _, words = made.removeprefix('<p title="').removesuffix("</p>").partition('">')
    for shown in (title, words):
        assert not {"<", ">", '"'} & set(shown)
        assert unescape(shown) == hostile
    assert join(made, made) == made + made
    assert f"<td>{words}</td>" in table(["a"], [[hostile]])
    assert f"<title>{words}</title>" in page(hostile, Html(""))


def test_attributes_are_named_as_html_has_them() -> None:
    assert tag("td", 1, class_="n", data_x=2, id=None) == '<td class="n" data-x="2">1</td>'
    assert tag("br") == "<br>"
    assert tag("p", [None, ["a", Html("<b>")], 2.5]) == "<p>a<b>2.5</p>"


def test_a_page_allows_its_own_script_and_no_other() -> None:
    assert "script-src" not in policy()
    assert "script-src 'sha256-" in policy("let x = 1;")
    assert policy("let x = 1;") != policy("let x = 2;")
    assert "http-equiv" in page("x", Html(""))
