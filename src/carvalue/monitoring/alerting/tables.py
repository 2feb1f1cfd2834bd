"""The tables of the alert store."""

from sqlalchemy import Column, DateTime, Integer, MetaData, String, Table, Text

TABLES = MetaData()
FORMAT = 1  # of the tables; kept in SQLite's user_version, which releases 0.1 and 0.2 left at 0
ALERTS = Table(
    "alerts",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("key", String(64), nullable=False, index=True),
    Column("kind", String(32), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("since", DateTime, nullable=False),
    Column("report", Text, nullable=False),
    Column("resolved_at", DateTime),
)
DELIVERIES = Table(
    "deliveries",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("alert_id", Integer, nullable=False),
    Column("sink", String(64), nullable=False),
    Column("news", String(16), nullable=False),  # firing or resolved
    Column("attempts", Integer, nullable=False, default=0),
    Column("due_at", DateTime, nullable=False),
    Column("made_at", DateTime, nullable=False),
)
"""Pending notifications; a row is deleted when its receiver has accepted it. `sink` is its name."""
INCIDENTS = Table(
    "incidents",
    TABLES,
    Column("alert_id", Integer, primary_key=True),
    Column("evidence", Text, nullable=False),  # JSON: what had changed when the alert began
    Column("run", String(64)),  # the retraining that the alert started; null if it started none
    Column("result", String(16)),  # how the run ended; null before that
    Column("version", Integer),  # the version that the run trained; null if it trained none
    Column("ended_at", DateTime),
)
"""What is known of an alert beside its text. Earlier releases leave this table alone."""
