"""Add the ratings of quotes. Earlier releases work with these tables too."""

import sqlalchemy as sa
from alembic import op

revision = "1.4"
down_revision = "1.3"


def upgrade() -> None:
    """Create the table of ratings."""
    op.create_table(
        "ratings",
        sa.Column("quote_id", sa.String(32), primary_key=True),
        sa.Column("rating", sa.String(16), nullable=False),
        sa.Column("rated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("client", sa.String(64)),
        sqlite_with_rowid=False,
    )
