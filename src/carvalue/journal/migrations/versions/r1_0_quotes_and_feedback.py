"""Create the tables of quotes and feedback; keep those of releases without revisions."""

import sqlalchemy as sa
from alembic import op

revision = "1.0"
down_revision = None


def upgrade() -> None:
    """Make both tables where they are not there yet."""
    op.create_table(
        "quotes",
        sa.Column("quote_id", sa.String(32), primary_key=True),
        sa.Column("quoted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("model_version", sa.String(32), nullable=False),
        sa.Column("price", sa.Integer, nullable=False),
        sa.Column("low", sa.Integer, nullable=False),
        sa.Column("high", sa.Integer, nullable=False),
        sa.Column("warnings", sa.JSON, nullable=False),
        sa.Column("listing", sa.JSON, nullable=False),
        sqlite_with_rowid=False,
        if_not_exists=True,
    )
    op.create_table(
        "feedback",
        sa.Column("quote_id", sa.String(32), primary_key=True),
        sa.Column("sale_price", sa.Integer, nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sqlite_with_rowid=False,
        if_not_exists=True,
    )
