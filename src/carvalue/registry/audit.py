"""Who went into production, when and why: a file that only grows, and the lock of those who decide."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from carvalue.registry.decision import GateResult

AUDIT_FILE = "promotions.ndjson"
"""Below the root of the storage."""

Act = Literal["promoted", "refused", "rolled back"]


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """One decision.

    Attributes:
        at: when.
        act: what was done.
        version: to which version.
        earlier: the version that was in production before; None: none was.
        by: the pipeline, or a person at the command line.
        reasons: why.
        gates: what every gate found; none where a person decided.
    """

    at: datetime
    act: Act
    version: int
    earlier: int | None
    by: str
    reasons: tuple[str, ...]
    gates: tuple[GateResult, ...] = ()


class AuditLog:
    """The file of decisions; whoever decides holds its lock, so that two decisions never mix."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def deciding(self) -> Iterator[None]:
        """Wait until nobody else decides; the system lets go of the lock when its holder dies."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def note(
        self,
        act: Act,
        *,
        version: int,
        earlier: int | None,
        by: str,
        reasons: tuple[str, ...],
        gates: tuple[GateResult, ...] = (),
    ) -> None:
        """Append a decision, and bring it to disk."""
        entry = AuditEntry(
            at=datetime.now(UTC),
            act=act,
            version=version,
            earlier=earlier,
            by=by,
            reasons=reasons,
            gates=gates,
        )
        line = json.dumps(asdict(entry) | {"at": entry.at.isoformat()}, ensure_ascii=False)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        with os.fdopen(descriptor, "w") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())

    def entries(self) -> tuple[AuditEntry, ...]:
        """Read all decisions, the first one first; a line that a crash cut off is left out."""
        try:
            lines = self._path.read_text().split("\n")[:-1]
        except FileNotFoundError:
            return ()
        return tuple(_entry(line) for line in lines)

    def in_production(self) -> int | None:
        """Tell which version the last decision left in production; None where none was noted."""
        switched = [entry.version for entry in self.entries() if entry.act != "refused"]
        return switched[-1] if switched else None


def _entry(line: str) -> AuditEntry:
    values = json.loads(line)
    at, reasons = datetime.fromisoformat(values["at"]), tuple(values["reasons"])
    gates = tuple(GateResult(**gate) for gate in values.get("gates", ()))
    return AuditEntry(**values | {"at": at, "reasons": reasons, "gates": gates})
