"""Number quotes in the order of arrival, record their route, and keep the state of watchers.

Releases 0.1 and 0.2 work with these tables too.
"""

import sqlalchemy as sa
from alembic import op

revision = "1.3"
down_revision = "1.2"


def upgrade() -> None:
    """Add nullable columns and an index. Quotes that are there already keep no number."""
    op.add_column("quotes", sa.Column("route", sa.String(16)))
    op.add_column("quotes", sa.Column("arrival", sa.BigInteger))
    op.create_index("quotes_arrival", "quotes", ["arrival", "quote_id"])
    arrivals = op.create_table(
        "arrivals",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("last", sa.BigInteger, nullable=False),
    )
    op.add_column("feedback", sa.Column("arrival", sa.BigInteger))
    op.create_index("feedback_told_at", "feedback", ["told_at"])
    op.create_index("feedback_arrival", "feedback", ["arrival"])
    op.create_table(
        "leased_states",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("held_until", sa.Float, nullable=False),
        sa.Column("content", sa.Text),
    )
    op.bulk_insert(arrivals, [{"id": 1, "last": 0}])
