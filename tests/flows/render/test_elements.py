"""What is shown cannot break out of the page."""

from __future__ import annotations

from html import unescape

import pytest

from leadline.flows.render.elements import POLICY, Html, document, join, table, tag


@pytest.mark.parametrize("hostile", ["<script>x</script>", "&amp;", '"><img src=x>', "it's"])
def test_every_text_is_escaped_once(hostile: str) -> None:
    made = tag("p", hostile, title=hostile)
    title, _, words = made.removeprefix('<p title="').removesuffix("</p>").partition('">')
    for shown in (title, words):
        assert not {"<", ">", '"'} & set(shown)
        assert unescape(shown) == hostile
    assert join(made, made) == made + made
    assert f"<td>{words}</td>" in table(["a"], [[hostile]])
    assert f"<title>{words}</title>" in document(hostile, "")


def test_attributes_are_named_as_html_has_them() -> None:
    assert tag("td", 1, class_="n", data_x=2, id=None) == '<td class="n" data-x="2">1</td>'
    assert tag("br") == "<br>"
    assert tag("p", [None, ["a", Html("<b>")], 2.5]) == "<p>a<b>2.5</p>"


def test_a_document_says_what_it_may_load_unless_its_server_does() -> None:
    assert f'content="{POLICY.replace(chr(39), "&#x27;")}"' in document("x", "")
    assert "http-equiv" not in document("x", "", policy=None)
    assert 'data-every-ms="500"' in document("x", "", every_ms=500)


def test_columns_of_numbers_stand_right() -> None:
    text = table(["symbol", "rows"], [["BTCUSDT", 7]], numbers=["rows"])
    assert text == table(["symbol", "rows"], [["BTCUSDT", 7]], numbers=[1])
    assert '<td class="n">7</td>' in text
    assert "<td>BTCUSDT</td>" in text
    with pytest.raises(ValueError, match="expected 2 cells"):
        table(["symbol", "rows"], [["BTCUSDT"]])
