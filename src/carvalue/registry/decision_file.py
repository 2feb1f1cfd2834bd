"""Import the file in which releases up to 0.2 recorded decisions."""

import json
import logging
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from carvalue.journal import DecisionLog, DecisionRecord

logger = logging.getLogger(__name__)

PROMOTIONS_FILE = "promotions.ndjson"
"""The name of the file, in the storage folder: one JSON object per line, oldest first."""


def import_decisions(file: Path, *, into: DecisionLog) -> None:
    """Copy the decisions of a file into the log, once, and rename the file to `promotions.ndjson.imported`.

    A damaged line is skipped, and named in the program's log. After an interruption, the next call continues.

    Args:
        file: The file; nothing happens if it does not exist.
        into: The log of decisions.

    Raises:
        JournalUnavailable: The database does not answer; the file stays for the next call.
    """
    try:
        lines = file.read_bytes().split(b"\n")
    except FileNotFoundError:
        return
    decisions = list(_decisions(lines, file))
    for decision in decisions:
        _append(decision, into)
    try:
        file.replace(file.with_name(f"{file.name}.imported"))
    except OSError as error:  # it is read again the next time, which adds nothing
        logger.warning("file of decisions not renamed", extra={"file": str(file), "because": str(error)})
    logger.info("decisions imported", extra={"file": str(file), "decisions": len(decisions)})


def _decisions(lines: list[bytes], file: Path) -> Iterator[DecisionRecord]:
    for number, line in enumerate(lines, start=1):
        try:
            if line.strip():
                yield _decision(line)
        except (ValueError, KeyError, TypeError) as error:
            logger.warning(
                "damaged decision skipped",
                extra={"file": str(file), "line": number, "because": f"{type(error).__name__}: {error}"},
            )


def _decision(line: bytes) -> DecisionRecord:
    values = json.loads(line)
    act, at, version, earlier = (values[name] for name in ("act", "at", "version", "earlier"))
    if act not in {"promoted", "refused", "rolled back"}:
        raise ValueError(f"act is {act!r}")
    moment = datetime.fromisoformat(at)
    return DecisionRecord(
        at=moment,
        act=act,
        version=int(version),
        earlier=None if earlier is None else int(earlier),
        by=str(values["by"]),
        reasons=tuple(map(str, values["reasons"])),
        gates=tuple(map(dict, values.get("gates", ()))),
        key=sha256(line).hexdigest(),
        applied_at=None if act == "refused" else moment,
    )


def _append(decision: DecisionRecord, log: DecisionLog) -> None:
    stored = False
    while not stored:
        decisions = log.all()
        if any(earlier.key == decision.key for earlier in decisions):
            return
        stored = log.append(decision, after=decisions[-1].number if decisions else 0)
