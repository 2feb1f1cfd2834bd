"""Store every quote and every reported sale: an outbox on local disk, then a database."""

from carvalue.journal.entries import JournalEntry, Sale, first_id_at
from carvalue.journal.forwarder import Forwarder, QuarantineReplay, forward_forever, replay_quarantine
from carvalue.journal.outbox import Outbox
from carvalue.journal.quarantine import Quarantine, QuarantinedRecord
from carvalue.journal.store import MIGRATION_S, Journal, JournalUnavailable
from carvalue.journal.writer import JournalWriter, OutboxState

__all__ = [
    "MIGRATION_S",
    "Forwarder",
    "Journal",
    "JournalEntry",
    "JournalUnavailable",
    "JournalWriter",
    "Outbox",
    "OutboxState",
    "Quarantine",
    "QuarantineReplay",
    "QuarantinedRecord",
    "Sale",
    "first_id_at",
    "forward_forever",
    "replay_quarantine",
]
