"""Count quotes and their warnings, by kind and by field. Labels never hold what a client sent."""

from collections import Counter
from collections.abc import Mapping, Sequence

from carvalue.pricing import UNKNOWN_FIELDS
from carvalue.telemetry import ServiceMetrics


def count_quotes(metrics: ServiceMetrics, *, version: str, kinds: Sequence[Sequence[str]]) -> None:
    """Count quotes of one model version, and their warnings.

    Args:
        metrics: the counters.
        version: the model version, as text.
        kinds: for each quote, the kinds of its warnings.
    """
    metrics.quotes.labels(version).inc(len(kinds))
    warned = [quote_kinds for quote_kinds in kinds if quote_kinds]
    if warned:
        metrics.warned_quotes.inc(len(warned))
        count_warnings(metrics, Counter(kind for quote_kinds in warned for kind in quote_kinds))


def count_warnings(metrics: ServiceMetrics, counts: Mapping[str, int]) -> None:
    """Count warnings, and the fields whose category the model does not know.

    Args:
        metrics: the counters.
        counts: kind of warning -> how many.
    """
    for kind, number in counts.items():
        metrics.quote_warnings.labels(kind).inc(number)
        if kind in UNKNOWN_FIELDS:
            metrics.unknown_categories.labels(UNKNOWN_FIELDS[kind]).inc(number)
