"""Keep the journal at a limited size: daily partitions in PostgreSQL, and pruning."""

from carvalue.journal.retention.partitions import DAYS_AHEAD, create_partitions, day_of, first_id_of
from carvalue.journal.retention.pruning import Pruned, prune, remove_range

__all__ = [
    "DAYS_AHEAD",
    "Pruned",
    "create_partitions",
    "day_of",
    "first_id_of",
    "prune",
    "remove_range",
]
