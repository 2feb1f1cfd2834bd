"""Counts quotes and what had to be guessed in them, by kind and by field; never by what somebody typed."""

from collections import Counter
from collections.abc import Mapping, Sequence

from carvalue.pricing import UNKNOWN_FIELDS
from carvalue.telemetry import ServiceMetrics


def count_quotes(metrics: ServiceMetrics, *, version: str, kinds: Sequence[Sequence[str]]) -> None:
    """Count quotes of one version by the kinds of warnings that each carries."""
    metrics.quotes.labels(version).inc(len(kinds))
    warned = [found for found in kinds if found]
    if warned:
        metrics.warned_quotes.inc(len(warned))
        count_warnings(metrics, Counter(kind for found in warned for kind in found))


def count_warnings(metrics: ServiceMetrics, counts: Mapping[str, int]) -> None:
    """Count warnings, given as kind -> how many."""
    for kind, number in counts.items():
        metrics.quote_warnings.labels(kind).inc(number)
        if kind in UNKNOWN_FIELDS:
            metrics.unknown_categories.labels(UNKNOWN_FIELDS[kind]).inc(number)
