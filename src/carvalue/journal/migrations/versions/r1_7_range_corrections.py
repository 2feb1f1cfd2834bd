"""Record how reported sales correct price ranges. Earlier releases work with these tables too."""

import sqlalchemy as sa
from alembic import op

revision = "1.7"
down_revision = "1.6"


def upgrade() -> None:
    """Add the table of corrections, and nullable columns, which take no time on a large table."""
    op.add_column("quotes", sa.Column("calibrated_low", sa.Integer))
    op.add_column("quotes", sa.Column("calibrated_high", sa.Integer))
    op.create_table(
        "range_corrections",
        sa.Column("model_version", sa.String(32), primary_key=True),
        sa.Column("level", sa.Float, nullable=False),
        sa.Column("log_scale", sa.Float, nullable=False),
        sa.Column("sales", sa.Integer, nullable=False),
        sa.Column("computed_at", sa.DateTime(timezone=True), nullable=False),
        sqlite_with_rowid=False,
    )
