"""Hidden characters are shown, and JSON that shows them keeps its values."""

from __future__ import annotations

import json
import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from leadline.flows.render.visible import json_text, visible, visible_line

ANY = st.text(
    st.one_of(st.characters(), st.sampled_from("\x1b\x9b\x07\x7f\u202e\u2066\u2028\ud800\U000e0041"))
)


def is_hidden(char: str) -> bool:
    """Whether a terminal would obey a character, or could not write it; asked of Unicode's own tables."""
    return unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} or unicodedata.bidirectional(char) in {
        "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI",
    }  # fmt: skip


@given(ANY)
@example("\x1b]0;title\x07\x9b31m\u202e")
def test_nothing_hidden_is_left(text: str) -> None:
    assert not [char for char in visible(text) if is_hidden(char) and char not in "\t\n"]
    assert not [char for char in visible_line(text) if is_hidden(char)]


@given(ANY)
def test_what_is_not_hidden_stays(text: str) -> None:
    harmless = "".join(char for char in text if char.isprintable())
    assert visible_line(harmless) == harmless


def test_escapes_say_which_character_it_was() -> None:
    assert visible("a\x1b[31m\nb\u202e\U000e0041") == "a\\x1b[31m\nb\\u202e\\U000e0041"
    assert visible_line("a\nb") == "a\\x0ab"


@given(st.recursive(ANY, lambda inner: st.lists(inner) | st.dictionaries(ANY, inner), max_leaves=5))
def test_json_keeps_every_value_and_hides_none(value: object) -> None:
    written = json_text(value)
    assert not [char for char in written if is_hidden(char)]
    assert json.loads(written) == value
