"""What the tests of the writer share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from leadline.storage.access.owner import Owner
from leadline.storage.ingest.writer import Writer
from tests.storage.helpers import MARKETS


@pytest.fixture
def writer(owner: Owner) -> Iterator[Writer]:
    made = Writer(owner, MARKETS, limit_batches=4)
    made.start()
    yield made
    made.close()
