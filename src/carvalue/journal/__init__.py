"""Store every quote, every reported sale and every decision on a model version in a database."""

from carvalue.journal.decisions import Act, DecisionLog, DecisionRecord
from carvalue.journal.entries import (
    RATING_CHOICES,
    JournalEntry,
    Rating,
    Sale,
    StoredCorrection,
    first_id_at,
)
from carvalue.journal.forwarder import Forwarder, QuarantineReplay, forward_forever, replay_quarantine
from carvalue.journal.leased_state import LEASE, LeasedState, LeaseLost
from carvalue.journal.outbox import EARLIER_OUTBOX_FOLDER, OUTBOX_FOLDER, Outbox
from carvalue.journal.quarantine import Quarantine, QuarantinedRecord
from carvalue.journal.store import (
    MIGRATION_S,
    Arrivals,
    DriverMissing,
    Journal,
    JournalCursor,
    JournalUnavailable,
    UnknownQuote,
)
from carvalue.journal.writer import JournalWriter, OutboxState

__all__ = [
    "EARLIER_OUTBOX_FOLDER",
    "LEASE",
    "MIGRATION_S",
    "OUTBOX_FOLDER",
    "RATING_CHOICES",
    "Act",
    "Arrivals",
    "DecisionLog",
    "DecisionRecord",
    "DriverMissing",
    "Forwarder",
    "Journal",
    "JournalCursor",
    "JournalEntry",
    "JournalUnavailable",
    "JournalWriter",
    "LeaseLost",
    "LeasedState",
    "Outbox",
    "OutboxState",
    "Quarantine",
    "QuarantineReplay",
    "QuarantinedRecord",
    "Rating",
    "Sale",
    "StoredCorrection",
    "UnknownQuote",
    "first_id_at",
    "forward_forever",
    "replay_quarantine",
]
