"""Decisions on model versions: an append-only table in the journal's database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import uuid4

from sqlalchemy import RowMapping, func, select, update

from carvalue.journal.schema import DECISIONS
from carvalue.journal.store import Journal, aware

Act = Literal["promoted", "refused", "rolled back", "adopted", "canary started", "canary stopped"]
"""What was decided; `adopted` records a switch that somebody made in the registry itself."""
SWITCHES = ("promoted", "rolled back", "adopted")
"""The decisions that change the version in production; each of them ends a canary."""


@dataclass(frozen=True, kw_only=True)
class DecisionRecord:
    """One decision on a model version.

    Attributes:
        at: The time of the decision, with a time zone.
        act: What was decided.
        version: The version that was promoted, refused, restored, found in production or served as a canary.
        earlier: The version in production before; None if there was none.
        by: Who decided: `pipeline`, or the name of a user.
        reasons: The reasons, at least one.
        gates: The results of the acceptance gates as JSON objects; empty if none ran.
        key: Identifies the decision, so that a repeated attempt does not record it twice; at most 64
            characters.
        number: The position in the log, counted from 1; 0 before it is stored.
        applied_at: When the registry followed the decision; None before that, and for a refusal.
    """

    at: datetime
    act: Act
    version: int
    earlier: int | None
    by: str
    reasons: tuple[str, ...]
    gates: tuple[Mapping[str, Any], ...] = ()
    key: str = field(default_factory=lambda: uuid4().hex)
    number: int = 0
    applied_at: datetime | None = None

    @property
    def is_switch(self) -> bool:
        """Whether the decision changes the version in production."""
        return self.act in SWITCHES


class DecisionLog:
    """The decisions on model versions, in the order in which they were made.

    A decision is appended with the number of the last one that its maker had read. The database accepts each
    number once, so of two makers that read the same state exactly one succeeds (compare-and-set).

    Args:
        journal: The database.

    >>> from datetime import UTC
    >>> log = DecisionLog(Journal("sqlite:///decisions.db"))
    >>> def promotion(version):
    ...     return DecisionRecord(
    ...         at=datetime(2026, 1, 1, tzinfo=UTC), act="promoted", version=version, earlier=None,
    ...         by="ann", reasons=("passed all gates",),
    ...     )
    >>> log.append(promotion(1), after=0), log.append(promotion(2), after=0)
    (True, False)
    >>> [(decision.number, decision.version) for decision in log.all()]
    [(1, 1)]
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def all(self) -> tuple[DecisionRecord, ...]:
        """Read all decisions.

        Returns:
            The decisions, oldest first.

        Raises:
            JournalUnavailable: The database does not answer.
        """
        with self._journal.transaction() as connection:
            rows = connection.execute(select(DECISIONS).order_by(DECISIONS.c.number)).mappings()
            return tuple(map(_decision, rows))

    def canary_start(self) -> DecisionRecord | None:
        """Read the decision that started the canary that is running.

        Returns:
            The decision; None if no canary runs.

        Raises:
            JournalUnavailable: The database does not answer.
        """
        statement = select(DECISIONS).where(DECISIONS.c.act != "refused")
        with self._journal.transaction() as connection:
            row = (
                connection.execute(statement.order_by(DECISIONS.c.number.desc()).limit(1)).mappings().first()
            )
        return _decision(row) if row is not None and row["act"] == "canary started" else None

    def last_number(self) -> int:
        """Read the number of the last decision.

        Returns:
            The number, which `append` takes; 0 for an empty log.

        Raises:
            JournalUnavailable: The database does not answer.
        """
        with self._journal.transaction() as connection:
            return connection.execute(select(func.max(DECISIONS.c.number))).scalar() or 0

    def append(self, decision: DecisionRecord, *, after: int) -> bool:
        """Store a decision, unless another one was stored since, or this one already.

        Args:
            decision: The decision; its `number` is ignored.
            after: The number of the last decision that was read; 0 for an empty log.

        Returns:
            Whether it was stored.

        Raises:
            JournalUnavailable: The database does not answer; nothing was stored.
        """
        row = {
            "number": after + 1,
            "key": decision.key,
            "decided_at": decision.at,
            "act": decision.act,
            "version": decision.version,
            "earlier": decision.earlier,
            "decided_by": decision.by,
            "reasons": list(decision.reasons),
            "gates": [dict(gate) for gate in decision.gates],
            "applied_at": decision.applied_at,
        }
        with self._journal.transaction() as connection:
            statement = self._journal.insert(DECISIONS).values(row).on_conflict_do_nothing()
            return connection.execute(statement.returning(DECISIONS.c.number)).first() is not None

    def mark_applied(self, number: int, *, at: datetime) -> None:
        """Record that the registry follows a decision; idempotent.

        Args:
            number: The number of the decision.
            at: The time, with a time zone.

        Raises:
            JournalUnavailable: The database does not answer.
        """
        pending = (DECISIONS.c.number == number) & DECISIONS.c.applied_at.is_(None)
        with self._journal.transaction() as connection:
            connection.execute(update(DECISIONS).where(pending).values(applied_at=at))


def _decision(row: RowMapping) -> DecisionRecord:
    return DecisionRecord(
        at=aware(row["decided_at"]),
        act=row["act"],
        version=row["version"],
        earlier=row["earlier"],
        by=row["decided_by"],
        reasons=tuple(row["reasons"]),
        gates=tuple(row["gates"]),
        key=row["key"],
        number=row["number"],
        applied_at=aware(row["applied_at"]) if row["applied_at"] else None,
    )
