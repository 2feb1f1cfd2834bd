"""Runs that are clean at first and then drift, at different positions, and the measured delays."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from statistics import median

import polars as pl
from streams import SEED, Streams

RUNS, HORIZON = 20, 5_000
BEFORE = (1_500, 2_500)  # clean requests before a drift; not a whole number of windows


@dataclass(frozen=True, kw_only=True)
class Run:
    """Requests of which the first `before` are clean and the rest has drifted."""

    before: int
    rows: pl.DataFrame


@dataclass(frozen=True, kw_only=True)
class Delays:
    """How soon one drift was found. `median` in requests; None where half of the runs found nothing."""

    found: int
    median: float | None


@dataclass(frozen=True, kw_only=True)
class Result:
    """What was measured of one method."""

    method: str
    clean_requests: int
    alarms: int
    per_100k: float
    cpu_ms_per_1000: float
    delays: Mapping[str, Delays]


def runs(prepared: Streams, *, drift: str) -> Iterator[Run]:
    """Give every run of a drift, the same for all methods."""
    places = random.Random(SEED)  # noqa: S311  # no secret
    room = len(prepared.clean) - HORIZON - BEFORE[1]
    for number in range(RUNS):
        start, before = BEFORE[1] + number * room // RUNS, places.randint(*BEFORE)
        drifted = prepared.drifted[drift][start : start + HORIZON]
        yield Run(before=before, rows=pl.concat([prepared.clean[start - before : start], drifted]))


def summed_up(delays: Sequence[int | None]) -> Delays:
    """Sum up; a run that found nothing counts as longer than all others."""
    seen = [delay for delay in delays if delay is not None]
    middle = median([*seen, *[inf] * (len(delays) - len(seen))])
    return Delays(found=len(seen), median=None if middle == inf else middle)


def table_row(result: Result) -> dict[str, object]:
    """Make a row of the table; in parentheses, in how many of the runs a drift was found, if not in all."""
    row: dict[str, object] = {
        "method": result.method,
        "false alarms per 100,000": round(result.per_100k, 1),
        "CPU ms per 1,000": round(result.cpu_ms_per_1000, 1),
    }
    for drift, delay in result.delays.items():
        middle = f"in {delay.found}" if delay.median is None else f"{delay.median:,.0f}"
        row[drift] = middle if delay.median is None or delay.found == RUNS else f"{middle} ({delay.found})"
    return row
