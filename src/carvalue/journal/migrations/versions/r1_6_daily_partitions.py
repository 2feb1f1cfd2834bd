"""Partition the quotes of PostgreSQL by day, and record the model version of sales and ratings.

Quotes that are there already become one partition, without being copied. Earlier releases work with these
tables too.
"""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "1.6"
down_revision = "1.5"


def upgrade() -> None:
    """Add nullable columns and indexes, then partition the quotes where the database is PostgreSQL."""
    op.add_column("quotes", sa.Column("schema_version", sa.String(16)))
    op.create_index("quotes_model_version", "quotes", ["model_version", "quote_id"])
    for table in ("feedback", "ratings"):
        op.add_column(table, sa.Column("model_version", sa.String(32)))
        op.execute(
            f"UPDATE {table} SET model_version = (SELECT quotes.model_version FROM quotes "  # noqa: S608
            f"WHERE quotes.quote_id = {table}.quote_id)"
        )
    op.create_index("feedback_model_version", "feedback", ["model_version", "told_at"])
    op.create_index("ratings_model_version", "ratings", ["model_version", "rating"])
    if op.get_bind().dialect.name == "postgresql":
        _partition_quotes()


def _partition_quotes() -> None:
    """Attach the table to a partitioned one, up to the end of tomorrow; later days get partitions."""
    op.rename_table("quotes", "quotes_earlier")
    for index in sa.inspect(op.get_bind()).get_indexes("quotes_earlier"):
        op.execute(f'ALTER INDEX "{index["name"]}" RENAME TO "{index["name"]}_earlier"')
    key = sa.inspect(op.get_bind()).get_pk_constraint("quotes_earlier")["name"]
    op.execute(f'ALTER TABLE quotes_earlier RENAME CONSTRAINT "{key}" TO quotes_earlier_pkey')
    op.execute(
        "CREATE TABLE quotes (LIKE quotes_earlier INCLUDING DEFAULTS, CONSTRAINT quotes_pkey "
        "PRIMARY KEY (quote_id)) PARTITION BY RANGE (quote_id)"
    )
    op.create_index("quotes_arrival", "quotes", ["arrival", "quote_id"])
    op.create_index("quotes_model_version", "quotes", ["model_version", "quote_id"])
    end = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=2)
    end_id = f"{int(end.timestamp() * 1000):012x}"
    op.execute(
        f"ALTER TABLE quotes ATTACH PARTITION quotes_earlier FOR VALUES FROM (MINVALUE) TO ('{end_id}')"
    )
    op.execute("CREATE TABLE quotes_other PARTITION OF quotes DEFAULT")
