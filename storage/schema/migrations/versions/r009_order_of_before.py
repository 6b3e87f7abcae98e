"""The order of intervals that were stored before; a table that was altered takes no UPDATE until commit."""

from __future__ import annotations

from alembic import op

from leadline.storage.schema.interval_order import order_of_before

revision = "r009"
down_revision = "r008"


def upgrade() -> None:
    con = op.get_bind().connection.driver_connection
    assert con is not None
    order_of_before(con)
