"""Record the trace of each quote. Earlier releases work with these tables too."""

import sqlalchemy as sa
from alembic import op

revision = "1.5"
down_revision = "1.4"


def upgrade() -> None:
    """Add a nullable column, which takes no time on a large table."""
    op.add_column("quotes", sa.Column("trace_id", sa.String(32)))
