"""Normalized Mondrian conformal prediction intervals (Vovk et al. 2005) for the asking price.

The residual of each row is divided by the spread that the quantile trees expect on its side of the quote, and
by the difficulty (sigma) of its car. In each bin of price and model year, both tails have their own conformal
quantile of these scaled residuals: asking prices deviate further downwards than upwards. The interval of a
quote is its log price, minus and plus spread times sigma times the quantile of its bin.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil, inf, log
from typing import Any

import numpy as np
import numpy.typing as npt

from carvalue.errors import AppError
from carvalue.listings import MARKET
from carvalue.pricing.features import OTHER, CategoryCode, FeatureEncoder, Matrix, NameCode, Vocabulary
from carvalue.pricing.intervals.difficulty import (
    UNSEEN_LOG_SIGMA,
    DifficultyFactor,
    cut_by_edges,
    cut_by_quantiles,
    fit_difficulty,
    total_log_sigma,
)
from carvalue.pricing.intervals.distribution import LEVELS, Floats, anchored
from carvalue.pricing.intervals.quantile_trees import QuantileTrees

logger = logging.getLogger(__name__)

Bits = npt.NDArray[np.bool_]
IntervalInputs = dict[str, Floats]
"""Name of an input -> its values, shape (rows,): `price`, the quoted log price; `SPREADS`, of a model with
quantile trees; others are columns."""

NOMINAL_COVERAGE = 0.9
"""Share of asking prices that the intervals contain."""
MEDIAN, DIGITS = 0.5, 6
MIN_OFFSET = 1e-6  # log dollars; a smaller distance from the quote counts as this
PRICE = "price"
SPREADS = BELOW, ABOVE = "spread_below", "spread_above"
"""Inputs from quantile trees: expected distance of asking prices below and above the quote, log dollars."""
CATEGORY_FACTORS = ("make", "region")
INPUT_COLUMNS = ("year", "odometer", "family_rows", *CATEGORY_FACTORS)
"""Columns of the encoder that the intervals depend on."""
PRICE_BANDS = tuple(log(price) for price in MARKET.price_bands)
"""Edges of the Mondrian bins of the quoted log price."""
MIN_BIN_ROWS = 200
"""A bin with fewer calibration rows takes the quantiles of its price band, or of all rows."""
ALL_ROWS = "all rows"


class QuantilesUnknown(AppError):
    """The model was trained by a release whose bundles hold the interval only."""

    status, hint = 503, "Train a new version."


@dataclass(frozen=True, kw_only=True)
class PriceIntervals:
    """Calibrated conformal intervals around a quoted log price."""

    factors: tuple[DifficultyFactor, ...]
    """Difficulty factors; the product of their sigmas scales the interval."""
    bins: tuple[DifficultyFactor, ...]
    """Mondrian bins: a cut by price and a cut by model year, whose log sigmas are not used."""
    below: tuple[float, ...]
    """Quantile of the lower tail in each combination of `bins`, in units of sigma."""
    above: tuple[float, ...]
    """Quantile of the upper tail in each combination of `bins`, in units of sigma."""
    quantiles: tuple[tuple[float, ...], ...] = ()
    """For each combination of `bins`: quantile of the scaled residual at each of `LEVELS`, non-decreasing;
    empty in bundles of release 0.2 and earlier."""
    limits: tuple[int, int] | None = None
    """Lowest and highest price of the market, between which the intervals stay; None, as in bundles of
    release 0.2 and earlier, sets no limits."""

    @property
    def has_quantiles(self) -> bool:
        """Whether the distribution is known beyond the interval."""
        return bool(self.quantiles)

    def quantile_offsets(self, inputs: IntervalInputs, levels: Floats) -> Floats:
        """Compute quantiles of the log asking price, relative to the quoted log price.

        At the levels 0.05, 0.5 and 0.95 they are the lower end of the interval, zero, and the upper end.

        Args:
            inputs: Inputs of the rows to quote, as `interval_inputs` returns them.
            levels: Probabilities between 0 and 1, shape (levels,); beyond the ends of `LEVELS` the quantile
                is that of the end.

        Returns:
            Offsets in log dollars, shape (rows, levels).

        Raises:
            QuantilesUnknown: The bundle of the model has no quantiles.
        """
        if not self.has_quantiles:
            raise QuantilesUnknown("The model has no quantiles: expected one of release 0.3 or later.")
        below, above = self._scales(inputs)
        at_levels = np.array([np.interp(levels, LEVELS, row) for row in self._anchored])
        scaled = at_levels[_bin_indices(self.bins, inputs)]
        offsets = np.where(scaled < 0, below[:, None], above[:, None]) * scaled
        return self.limited(offsets, log_price=inputs[PRICE][:, None])

    def offsets(self, inputs: IntervalInputs) -> tuple[Floats, Floats]:
        """Compute the distances of the interval's ends from the quoted log price.

        Args:
            inputs: Inputs of the rows to quote, as `interval_inputs` returns them.

        Returns:
            Non-negative distances downwards and upwards in log dollars, each of shape (rows,).
        """
        (below, above), bins = self._scales(inputs), _bin_indices(self.bins, inputs)
        return self.limited_ends(below * self._below[bins], above * self._above[bins], inputs=inputs)

    def limited_ends(self, below: Floats, above: Floats, *, inputs: IntervalInputs) -> tuple[Floats, Floats]:
        """Keep both ends of intervals between the limits.

        Args:
            below: Distances of the lower ends from the quotes, non-negative log dollars, shape (rows,).
            above: Distances of the upper ends from the quotes, non-negative log dollars, shape (rows,).
            inputs: Inputs of the same rows.

        Returns:
            The distances, each of shape (rows,).
        """
        if self._log_limits is None:
            return below, above
        lowest, highest = self._log_limits
        below = np.minimum(below, np.maximum(inputs[PRICE] - lowest, 0.0))
        return below, np.minimum(above, np.maximum(highest - inputs[PRICE], 0.0))

    def limited(self, offsets: Floats, *, log_price: Floats) -> Floats:
        """Keep ends or quantiles between the limits; where the quote itself is beyond one, they end at it.

        Args:
            offsets: Log dollars relative to the quotes.
            log_price: Quoted log prices, of a shape that broadcasts to that of the offsets.

        Returns:
            The offsets; no sign is changed.

        Examples:
            >>> intervals = replace(UNCALIBRATED, limits=(1_000, 100_000))
            >>> quoted = np.log([2_000.0, 2_000.0, 900.0])
            >>> ends = intervals.limited(np.log([0.4, 0.6, 0.5]), log_price=quoted)
            >>> np.exp(quoted + ends).round().tolist()
            [1000.0, 1200.0, 900.0]
        """
        if self._log_limits is None:
            return offsets
        lowest, highest = self._log_limits
        room_below, room_above = np.minimum(lowest - log_price, 0.0), np.maximum(highest - log_price, 0.0)
        limited: Floats = np.minimum(np.maximum(offsets, room_below), room_above)  # quicker than np.clip
        return limited

    def recoded(self, *, old: FeatureEncoder, new: FeatureEncoder) -> "PriceIntervals":
        """Convert the category factors from the codes of one encoder to those of another.

        Args:
            old: Encoder that the intervals were calibrated with.
            new: Encoder that will encode the rows to quote.

        Returns:
            The same intervals for rows of the new encoder; a category that `old` does not know has the sigma
            of `(other)`.
        """
        before, after = _vocabularies(old), _vocabularies(new)
        factors = (
            _recoded(item, old=before[item.name], new=after[item.name])
            if item.name in CATEGORY_FACTORS
            else item
            for item in self.factors
        )
        return replace(self, factors=tuple(factors))

    def as_json(self) -> dict[str, Any]:
        """Serialize the tables to JSON types.

        Returns:
            Content of `ranges.json`.
        """
        return {
            "factors": [_factor_to_json(item) for item in self.factors],
            "cells": [_factor_to_json(item) for item in self.bins],
            "below": list(self.below),
            "above": list(self.above),
            "quantiles": [list(row) for row in self.quantiles],
            "limits": list(self.limits) if self.limits else None,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "PriceIntervals":
        """Read what `as_json` wrote.

        Args:
            content: Content of `ranges.json`.

        Returns:
            The intervals.

        Raises:
            KeyError: A key is missing.

        Examples:
            >>> PriceIntervals.from_json(UNCALIBRATED.as_json()) == UNCALIBRATED
            True
        """
        return cls(
            factors=tuple(map(_factor_from_json, content["factors"])),
            bins=tuple(map(_factor_from_json, content["cells"])),
            below=tuple(content["below"]),
            above=tuple(content["above"]),
            quantiles=tuple(map(tuple, content.get("quantiles", ()))),
            limits=None if content.get("limits") is None else tuple(content["limits"]),
        )

    @cached_property
    def _log_limits(self) -> tuple[float, float] | None:
        return None if self.limits is None else (log(self.limits[0]), log(self.limits[1]))

    def _scales(self, inputs: IntervalInputs) -> tuple[Floats, Floats]:
        """Return the unit of scaled residuals below and above each quote in log dollars."""
        sigmas = np.exp(total_log_sigma(self.factors, inputs, rows=len(inputs[PRICE])))
        if BELOW not in inputs:
            return sigmas, sigmas
        return sigmas * inputs[BELOW], sigmas * inputs[ABOVE]

    @cached_property
    def _below(self) -> Floats:
        return np.array(self.below)

    @cached_property
    def _above(self) -> Floats:
        return np.array(self.above)

    @cached_property
    def _anchored(self) -> Floats:
        return anchored(np.array(self.quantiles), below=self._below, above=self._above)


UNCALIBRATED = PriceIntervals(factors=(), bins=(), below=(0.0,), above=(0.0,))
"""Intervals of width zero, of a model before its calibration."""


def interval_inputs(
    encoder: FeatureEncoder,
    matrix: Matrix,
    *,
    log_price: Floats,
    quantile_trees: QuantileTrees | None = None,
) -> IntervalInputs:
    """Collect the inputs that the intervals depend on.

    Args:
        encoder: Encoder that encoded the rows.
        matrix: Encoded rows, shape (rows, features).
        log_price: Quoted log prices, shape (rows,).
        quantile_trees: Quantile trees of the model; None if it has none.

    Returns:
        The quoted log price under `price`, each of `INPUT_COLUMNS` under its name, and with quantile trees
        also `SPREADS`.
    """
    inputs = {PRICE: log_price}
    if quantile_trees:
        inputs[BELOW], inputs[ABOVE] = quantile_trees.spreads(matrix, log_price=log_price)
    for name in INPUT_COLUMNS:
        if name in encoder.columns:
            inputs[name] = matrix[:, encoder.columns[name]].astype(np.float64)
    return inputs


def calibrate_intervals(
    residuals: Floats,
    *,
    inputs: IntervalInputs,
    encoder: FeatureEncoder | None = None,
    coverage: float = NOMINAL_COVERAGE,
    unseen: Mapping[str, tuple[Floats, IntervalInputs]] | None = None,
    limits: tuple[int, int] | None = None,
) -> PriceIntervals:
    """Calibrate the intervals on rows that the model was not trained on.

    Logs a warning for each bin with too few rows for the coverage: its interval ends at the largest residual.

    Args:
        residuals: Log asking price minus quoted log price, shape (rows,).
        inputs: Inputs of the same rows, as `interval_inputs` returns them.
        encoder: Encoder of the rows; without it make and region have no difficulty factor.
        coverage: Share of asking prices that the intervals should contain, half of the rest in each tail.
        unseen: For `family_rows` (an unseen model family) and `make` (an unseen make): residuals and inputs
            of rows whose name was hidden from the model. Intervals of such cars are scaled to cover them.
        limits: Lowest and highest price that a listing can have; None sets no limits.

    Returns:
        The calibrated intervals.

    Examples:
        >>> random = np.random.default_rng(0)
        >>> inputs = {"price": random.normal(9.0, 1.0, 4_000)}
        >>> residuals = random.normal(0.0, 0.2, 4_000)
        >>> intervals = calibrate_intervals(residuals, inputs=inputs)
        >>> below, above = intervals.offsets(inputs)
        >>> covered = (residuals >= -below) & (residuals <= above)
        >>> round(float(covered.mean()), 2)
        0.9
    """
    vocabularies = _vocabularies(encoder) if encoder else {}
    if BELOW in inputs:
        residuals = residuals / np.where(residuals < 0, inputs[BELOW], inputs[ABOVE])
    factors = fit_difficulty(
        _difficulty_bins(inputs, vocabularies), inputs=inputs, absolute_residuals=np.abs(residuals)
    )
    factors = tuple(_widened_for_unseen(item, vocabularies) for item in factors)
    scaled = residuals / np.exp(total_log_sigma(factors, inputs, rows=len(residuals)))
    bins: tuple[DifficultyFactor, ...] = (cut_by_edges(PRICE, PRICE_BANDS),)
    if "year" in inputs:
        bins = (*bins, cut_by_quantiles("year", inputs["year"], bins=3))
    level = 1 - (1 - coverage) / 2
    calibration_rows = _calibration_rows(bins, inputs)
    _warn_of_small_bins(calibration_rows, level)
    intervals = PriceIntervals(
        factors=factors,
        bins=bins,
        below=tuple(_conformal_quantile(-scaled[rows], level) for _, rows in calibration_rows),
        above=tuple(_conformal_quantile(scaled[rows], level) for _, rows in calibration_rows),
        quantiles=tuple(_quantile_row(scaled[rows]) for _, rows in calibration_rows),
    )
    for name, (hidden_residuals, hidden_inputs) in (unseen or {}).items():
        intervals = _cover_unseen(intervals, name, hidden_residuals, hidden_inputs, coverage=coverage)
    return replace(intervals, limits=limits)


def _cover_unseen(
    intervals: PriceIntervals, name: str, residuals: Floats, inputs: IntervalInputs, *, coverage: float
) -> PriceIntervals:
    """Scale one bin of a factor, into which all these rows fall, so that the intervals cover their prices."""
    below, above = intervals.offsets(inputs)
    shares = np.abs(residuals) / np.maximum(np.where(residuals < 0, below, above), MIN_OFFSET)
    log_scale = float(np.log(max(_conformal_quantile(shares, coverage), MIN_OFFSET))) if len(shares) else 0.0
    factors = []
    for factor in intervals.factors:
        log_sigmas = list(factor.log_sigmas)
        if factor.name == name and len(shares):
            log_sigmas[int(factor.bin_indices(inputs[name][:1])[0])] += log_scale
        factors.append(replace(factor, log_sigmas=tuple(log_sigmas)))
    return replace(intervals, factors=tuple(factors))


def _difficulty_bins(
    inputs: IntervalInputs, vocabularies: Mapping[str, Vocabulary]
) -> list[DifficultyFactor]:
    cuts = [
        cut_by_quantiles(name, inputs[name], bins=bins)
        for name, bins in ((PRICE, 8), ("year", 8), ("odometer", 5))
        if name in inputs
    ]
    if "family_rows" in inputs:
        cuts.append(cut_by_edges("family_rows", np.log1p([0.5, 4.5, 49.5, 499.5]).tolist()))
    return cuts + [cut_by_edges(name, _code_edges(item)) for name, item in vocabularies.items()]


def _widened_for_unseen(factor: DifficultyFactor, vocabularies: Mapping[str, Vocabulary]) -> DifficultyFactor:
    """Raise the log sigma of unseen families, regions and makes above that of the seen ones."""
    log_sigmas = list(factor.log_sigmas)
    if factor.name == "family_rows":
        log_sigmas[0] = max(log_sigmas) + UNSEEN_LOG_SIGMA
    if factor.name == "region":  # a region has too few rows to distinguish it from the others
        log_sigmas = [0.0] * len(log_sigmas)
        log_sigmas[int(vocabularies[factor.name].other)] = UNSEEN_LOG_SIGMA
    if factor.name == "make":
        other = int(vocabularies[factor.name].other)
        log_sigmas[other] = max(log_sigmas[other], float(np.mean(log_sigmas[:-1])))
    return replace(factor, log_sigmas=tuple(log_sigmas))


def _bin_indices(bins: tuple[DifficultyFactor, ...], inputs: IntervalInputs) -> npt.NDArray[np.int64]:
    """Number each row's combination of bins, shape (rows,)."""
    combined = np.zeros(len(inputs[PRICE]), dtype=np.int64)
    for item in bins:
        combined = combined * len(item.log_sigmas) + item.bin_indices(inputs[item.name])
    return combined


def _calibration_rows(bins: tuple[DifficultyFactor, ...], inputs: IntervalInputs) -> list[tuple[str, Bits]]:
    """Select the calibration rows of each combination of bins: its own, its price band's, or all.

    Each is the first that has at least `MIN_BIN_ROWS` rows.
    """
    indices = _bin_indices(bins, inputs)
    narrower = int(
        np.prod([len(item.log_sigmas) for item in bins[1:]])
    )  # combinations within one of the first
    selected = []
    for number in range(len(bins[0].log_sigmas) * narrower):
        band = number // narrower
        candidates = [
            (_bin_name(bins, number), indices == number),
            (_bin_name(bins[:1], band), indices // narrower == band),
        ]
        enough = (item for item in candidates if np.count_nonzero(item[1]) >= MIN_BIN_ROWS)
        selected.append(next(enough, (ALL_ROWS, np.ones_like(indices, dtype=np.bool_))))
    return selected


def _bin_name(bins: tuple[DifficultyFactor, ...], number: int) -> str:
    parts = []
    for item in reversed(bins):
        number, index = divmod(number, len(item.log_sigmas))
        count = len(item.edges) + 1
        parts.append(f"{item.name} {f'{index + 1} of {count}' if index < count else 'missing'}")
    return ", ".join(reversed(parts))


def _warn_of_small_bins(calibration_rows: list[tuple[str, Bits]], level: float) -> None:
    """Log each bin that is too small for a quantile of this level to exist."""
    required = ceil(round(level / (1 - level), 6)) if level < 1 else inf  # rounded: 399.0000001 is 399
    for name, rows in {name: int(np.count_nonzero(own)) for name, own in calibration_rows}.items():
        if _quantile_rank(rows, level) > rows:
            logger.warning(
                "too few calibration rows: the intervals of this bin cover less than promised",
                extra={"bin": name, "rows": rows, "required_rows": required},
            )


def _conformal_quantile(scores: Floats, level: float) -> float:
    """Select the order statistic that bounds a new score with this probability, for any distribution.

    Where the rows are too few for it, this is the largest score, which bounds a new one less often.
    """
    index = min(_quantile_rank(len(scores), level), len(scores)) - 1
    return max(float(np.partition(scores, index)[index]), 0.0)


def _quantile_row(scores: Floats) -> tuple[float, ...]:
    """Select the order statistic of each of `LEVELS`, symmetric in both tails."""
    ordered, rows = np.sort(scores), len(scores)
    upper = [min(_quantile_rank(rows, level), rows) - 1 for level in LEVELS if level >= MEDIAN]
    lower = [rows - min(_quantile_rank(rows, 1 - level), rows) for level in LEVELS if level < MEDIAN]
    return tuple(ordered[[*lower, *upper]].round(DIGITS).tolist())


def _quantile_rank(rows: int, level: float) -> int:
    return ceil((rows + 1) * level)


def _vocabularies(encoder: FeatureEncoder) -> dict[str, Vocabulary]:
    return {
        item.name: item.vocabulary
        for item in encoder.features
        if isinstance(item, CategoryCode | NameCode) and item.name in CATEGORY_FACTORS
    }


def _code_edges(vocabulary: Vocabulary) -> list[float]:
    edges: list[float] = (np.arange(1, len(vocabulary.categories)) - 0.5).tolist()
    return edges


def _recoded(factor: DifficultyFactor, *, old: Vocabulary, new: Vocabulary) -> DifficultyFactor:
    by_category = dict(zip(old.categories, factor.log_sigmas, strict=False))
    log_sigmas = [by_category.get(category, by_category[OTHER]) for category in new.categories]
    return DifficultyFactor(
        name=factor.name, edges=tuple(_code_edges(new)), log_sigmas=(*log_sigmas, factor.log_sigmas[-1])
    )


def _factor_to_json(factor: DifficultyFactor) -> dict[str, Any]:
    return {"name": factor.name, "edges": list(factor.edges), "worth": list(factor.log_sigmas)}


def _factor_from_json(content: Mapping[str, Any]) -> DifficultyFactor:
    return DifficultyFactor(
        name=content["name"], edges=tuple(content["edges"]), log_sigmas=tuple(content["worth"])
    )
