"""What a status means, and the ways to say how long to wait."""

from __future__ import annotations

import datetime as dt
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.tasks.llm.protocol.status import LONGEST_SAID_S, kind_of, retry_after_s

NOW = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, "ok"), (201, "refused"), (301, "refused"), (307, "refused"), (400, "refused"),
        (401, "refused"), (402, "refused"),
        (403, "refused"), (404, "refused"), (408, "again"), (409, "again"),
        (410, "refused"), (413, "refused"), (422, "refused"), (429, "again"), (500, "again"),
        (501, "refused"), (502, "again"), (503, "again"), (504, "again"), (505, "refused"), (529, "again"),
    ],
)  # fmt: skip
def test_kind(status: int, kind: str) -> None:
    assert kind_of(status, b"no", has_form=True) == kind


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (400, b"Invalid parameter: 'response_format' of type 'json_schema' is not supported", "other_form"),
        (422, b'{"detail": [{"loc": ["body", "response_format", "type"]}]}', "other_form"),
        (500, b"response_format type must be one of text, json_object", "other_form"),
        (400, b" ", "other_form"),
        (500, b"", "again"),
        (400, b"maximum context length is 8192 tokens", "refused"),
        (503, b"json_schema", "again"),
        (404, b"json_schema", "refused"),
    ],
)
def test_form_is_blamed_by_its_name(status: int, said: bytes, kind: str) -> None:
    assert kind_of(status, said, has_form=True) == kind
    assert kind_of(status, said, has_form=False) != "other_form"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": " 0.5 "}, 0.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, LONGEST_SAID_S),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "1e400"}, LONGEST_SAID_S),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "x", "retry-after": "9"}, 9.0),
        ({"retry-after": "Tue, 24 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Tue, 24 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "Tue, 24 Nov 2026 14:00:00 +0200"}, 0.0),
        ({"retry-after": "Tue, 99 Nov 2026 12:00:30 GMT"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers, now=NOW) == seconds


@given(st.integers(0, 10**6))
def test_a_date_says_its_distance(seconds: int) -> None:
    said = format_datetime(NOW + dt.timedelta(seconds=seconds), usegmt=True)
    assert retry_after_s({"retry-after": said}, now=NOW) == seconds


@given(st.text())
def test_any_header_is_a_wait_or_none(said: str) -> None:
    seconds = retry_after_s({"retry-after": said}, now=NOW)
    assert seconds is None or 0 <= seconds <= LONGEST_SAID_S
