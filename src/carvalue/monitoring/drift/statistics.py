"""How far windows of rows are from the reference: likelihood-ratio statistics (G) over the profile's bins."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from carvalue.monitoring.drift.bins import Codes, Floats
from carvalue.monitoring.drift.profile import ReferenceProfile

STRIDE = 10  # rows between two looks: a look costs as much as some rows

Kind = Literal["values", "shift", "missing", "unseen"]


@dataclass(frozen=True)
class Statistic:
    """One thing that may drift: the shares of a feature's values, their mean rank, or what is not there."""

    feature: str
    kind: Kind


def list_statistics(profile: ReferenceProfile) -> tuple[Statistic, ...]:
    """List what is measured, in the order of the last axis of `window_scores`."""
    ordered = [name for name, bins in profile.bins.items() if bins.is_ordered]
    words = [name for name, bins in profile.bins.items() if not bins.is_ordered]
    return (
        *(Statistic(name, "values") for name in profile.features),
        *(Statistic(name, "shift") for name in ordered),
        *(Statistic(name, "missing") for name in profile.features),
        *(Statistic(name, "unseen") for name in words),
    )


def stride_counts(profile: ReferenceProfile, codes: Codes) -> Floats:
    """Count rows by bin for each whole stride. Shape: (strides, bins)."""
    strides, bins = len(codes) // STRIDE, len(profile.shares)
    stride = np.repeat(np.arange(strides), STRIDE * codes.shape[1])
    places = stride * bins + codes[: strides * STRIDE].ravel()
    return np.bincount(places, minlength=strides * bins).reshape(strides, bins).astype(np.float64)


def window_scores(
    profile: ReferenceProfile, counts: Floats, *, windows: tuple[int, ...], newest: int | None = None
) -> Floats:
    """Score the windows that end with each stride; 0 where there are not enough rows yet.

    Args:
        profile: what to compare with.
        counts: as `stride_counts` gives them.
        windows: sizes in rows, multiples of `STRIDE`.
        newest: how many strides are scored, counted from the end; None: all.

    Returns:
        Shape (strides, windows, statistics). Under independent rows each is about chi-squared.
    """
    sums = np.vstack([np.zeros(counts.shape[1]), np.cumsum(counts, axis=0)])
    wanted = len(counts) if newest is None else newest
    found = np.zeros((wanted, len(windows), len(list_statistics(profile))))
    for place, rows in enumerate(windows):
        strides = rows // STRIDE
        whole = min(wanted, len(counts) - strides + 1)  # windows that have all their rows
        if whole > 0:
            ends = sums[-whole:]
            begins = sums[len(sums) - strides - whole : len(sums) - strides]
            found[wanted - whole :, place] = _window_scores(profile, ends - begins, rows=rows)
    return found


def _window_scores(profile: ReferenceProfile, counts: Floats, *, rows: int) -> Floats:
    starts, ends = profile.starts, profile.starts + profile.sizes
    values = counts.copy()
    values[:, ends], values[:, ends + 1] = 0, 0
    totals = np.add.reduceat(values, starts, axis=1)
    words = [place for place, bins in enumerate(profile.bins.values()) if not bins.is_ordered]
    return np.column_stack(
        [
            _of_values(profile, values, totals),
            _of_shift(profile, values, totals),
            rate_scores(counts[:, ends], rows, profile.missing),
            rate_scores(counts[:, ends[words] + 1], rows, profile.unseen[words]),
        ]
    )


def _of_values(profile: ReferenceProfile, values: Floats, totals: Floats) -> Floats:
    parts = _xlogx(values) - values * np.log(profile.shares)
    summed: Floats = np.add.reduceat(parts, profile.starts, axis=1)
    return 2 * np.maximum(summed - _xlogx(totals), 0)


def _of_shift(profile: ReferenceProfile, values: Floats, totals: Floats) -> Floats:
    """Square the standardised mean rank: sharper than the shares where all values move the same way."""
    columns = []
    for place, (start, size, bins) in enumerate(
        zip(profile.starts, profile.sizes, profile.bins.values(), strict=True)
    ):
        if bins.is_ordered:
            shares = profile.shares[start : start + size]
            rank = np.cumsum(shares) - shares / 2
            spread = max(float(shares @ rank**2) - 0.25, 1e-9)
            total = np.maximum(totals[:, place], 1)
            mean = values[:, start : start + size] @ rank / total
            columns.append(np.where(totals[:, place] > 0, total * (mean - 0.5) ** 2 / spread, 0))
    return np.column_stack(columns)


def rate_scores(found: Floats, rows: int, usual: Floats) -> Floats:
    """Score a rate that rose; one that fell is good news."""
    risen = np.maximum(found, rows * usual)
    rest = rows - risen
    with_them = _xlogx(risen) - risen * np.log(rows * usual)
    without: Floats = _xlogx(rest) - rest * np.log(rows * (1 - usual))
    # rounding may leave a hair less than nothing, of which no square root can be taken
    found_score: Floats = 2 * np.maximum(with_them + without, 0)
    return found_score


def _xlogx(values: Floats) -> Floats:
    found: Floats = values * np.log(np.where(values > 0, values, 1))
    return found
