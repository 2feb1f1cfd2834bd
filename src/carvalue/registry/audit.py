"""The audit log of promotion decisions: an append-only file, and a lock that serializes decisions."""

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
"""The log's file name, in the storage folder."""

Act = Literal["promoted", "refused", "rolled back"]
"""What was done with a version."""


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """One promotion decision.

    Attributes:
        at: The time of the decision.
        act: What was done.
        version: The version that was promoted, refused or restored.
        earlier: The version in production before; None if there was none.
        by: Who decided: `pipeline`, or the name of the user at the command line.
        reasons: The reasons, at least one.
        gates: The results of all gates; empty for a decision of a person.
    """

    at: datetime
    act: Act
    version: int
    earlier: int | None
    by: str
    reasons: tuple[str, ...]
    gates: tuple[GateResult, ...] = ()


class AuditLog:
    """An append-only file of promotion decisions, one JSON object per line, with a lock.

    Args:
        path: The file; created by the first decision.

    Example:
        >>> from pathlib import Path
        >>> log = AuditLog(Path("promotions.ndjson"))
        >>> with log.exclusive():
        ...     log.append("promoted", version=1, earlier=None, by="pipeline", reasons=("passed 10 gates",))
        ...     log.append("refused", version=2, earlier=1, by="pipeline", reasons=("too slow",))
        >>> [(entry.act, entry.version) for entry in log.entries()]
        [('promoted', 1), ('refused', 2)]
        >>> log.in_production()
        1
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the log's lock within the block; waits while another process holds it.

        The operating system releases the lock when the process ends, also after a crash.

        Yields:
            Nothing.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def append(
        self,
        act: Act,
        *,
        version: int,
        earlier: int | None,
        by: str,
        reasons: tuple[str, ...],
        gates: tuple[GateResult, ...] = (),
    ) -> None:
        """Append a decision with the present time, and flush it to disk.

        Args:
            act: What was done.
            version: The version that was promoted, refused or restored.
            earlier: The version in production before; None if there was none.
            by: Who decided.
            reasons: The reasons.
            gates: The results of all gates.
        """
        entry = AuditEntry(
            at=datetime.now(UTC),
            act=act,
            version=version,
            earlier=earlier,
            by=by,
            reasons=reasons,
            gates=gates,
        )
        gates_json = [gate.as_json() for gate in entry.gates]
        content = asdict(entry) | {"at": entry.at.isoformat(), "gates": gates_json}
        line = json.dumps(content, ensure_ascii=False)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        with os.fdopen(descriptor, "w") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())

    def entries(self) -> tuple[AuditEntry, ...]:
        """Read all decisions; an incomplete last line, left by a crash, is ignored.

        Returns:
            The decisions, oldest first.
        """
        try:
            lines = self._path.read_text().split("\n")[:-1]
        except FileNotFoundError:
            return ()
        return tuple(_entry(line) for line in lines)

    def in_production(self) -> int | None:
        """Find the version in production according to the log.

        Returns:
            The version of the last promotion or rollback; None if there was none.
        """
        switches = [entry.version for entry in self.entries() if entry.act != "refused"]
        return switches[-1] if switches else None


def _entry(line: str) -> AuditEntry:
    values = json.loads(line)
    at, reasons = datetime.fromisoformat(values["at"]), tuple(values["reasons"])
    gates = tuple(map(GateResult.from_json, values.get("gates", ())))
    return AuditEntry(**values | {"at": at, "reasons": reasons, "gates": gates})
