"""Record the client of each quote and of each reported sale. Release 0.1 works with these tables too."""

import sqlalchemy as sa
from alembic import op

revision = "1.1"
down_revision = "1.0"


def upgrade() -> None:
    """Add nullable columns, which takes no time on a large table."""
    for table in ("quotes", "feedback"):
        op.add_column(table, sa.Column("client", sa.String(64)))
