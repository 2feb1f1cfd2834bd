"""Gates on the accuracy of a challenger on the test rows, and on the origin of its training data."""

import numpy as np
import polars as pl

from carvalue.listings.datasets import MIN_TEST_ROWS, MIN_TRAINING_ROWS
from carvalue.pricing.evaluation import NOMINAL_COVERAGE, SLICES, add_slices
from carvalue.registry.gates.bootstrap import PairedChange, paired_change
from carvalue.registry.gates.evidence import GateEvidence
from carvalue.registry.judgement import GateResult

BASELINE, PRODUCTION, BAD_SLICE = "better than the baseline", "against production", "no bad slice"
REFIT = "fit on all listings"
REFIT_WORSE = 0.02  # of the evaluated model's error; the refitted model knows these rows, so it errs less
CONFIDENCE = 0.95  # one-sided: one in twenty challengers that are not better looks better
SLICE_ROWS = 100
SLICE_WORSE = 0.1  # of production's error in the same slice
SLICE_CONFIDENCE = 0.999  # about sixty slices are compared: 95 % would give three false refusals


def enough_data(evidence: GateEvidence) -> GateResult:
    """Require enough training and test rows.

    Args:
        evidence: What the gates look at.

    Returns:
        The number of training rows.
    """
    trained, tested = evidence.model.card.rows.get("train", 0), evidence.quoted.height
    return GateResult(
        name="enough data",
        figure=trained,
        limit=MIN_TRAINING_ROWS,
        passed=trained >= MIN_TRAINING_ROWS and tested >= MIN_TEST_ROWS,
        message=f"trained on {trained:,} rows (at least {MIN_TRAINING_ROWS:,}), "
        f"tested on {tested:,} (at least {MIN_TEST_ROWS:,})",
    )


def real_data(evidence: GateEvidence) -> GateResult:
    """Refuse a challenger trained on generated rows if the champion was trained on real ones, or by setting.

    Args:
        evidence: What the gates look at.

    Returns:
        A result without a figure.
    """
    mine = evidence.model.card.data_source
    theirs = evidence.champion.model.card.data_source if evidence.champion else mine
    passed = mine != "sample" or (theirs == "sample" and evidence.limits.generated)
    beside = f", the version in production from {theirs}" if evidence.champion else ""
    problem = "generated rows against real ones" if theirs != "sample" else "GENERATED_DATA is refuse"
    return GateResult(
        name="origin of the data",
        figure=None,
        limit=None,
        passed=passed,
        message=f"trained on {mine}{beside}" + ("" if passed else f": {problem}"),
    )


def beats_the_baseline(evidence: GateEvidence) -> GateResult:
    """Require a smaller median error than the medians by make, family and year.

    Args:
        evidence: What the gates look at.

    Returns:
        The median absolute percentage error.
    """
    mine, baseline = (_median(evidence.errors(column)) for column in ("quoted", "baseline"))
    passed = mine < baseline
    verb = "beats" if passed else "does not beat"
    return GateResult(
        name=BASELINE,
        figure=mine,
        limit=baseline,
        passed=passed,
        message=f"error {mine:.2%} {verb} the baseline's {baseline:.2%}",
    )


def beats_production(evidence: GateEvidence) -> GateResult:
    """Require a significantly smaller error than the champion's; with newer data, no much larger error.

    Args:
        evidence: What the gates look at.

    Returns:
        The upper bound of the relative change of the median error (paired bootstrap, one-sided).
    """
    if evidence.champion is None:
        return GateResult(
            name=PRODUCTION, figure=None, limit=None, passed=True, message="nothing usable is in production"
        )
    rows = _fresh(evidence)
    mine, theirs = (evidence.errors(column, rows=rows) for column in ("quoted", "production"))
    change = paired_change(mine=mine.to_numpy(), theirs=theirs.to_numpy(), confidence=CONFIDENCE)
    limit = evidence.limits.worse if _is_newer(evidence) else 0.0
    passed = change.high < 0 or change.high <= limit != 0
    errors = f"error {_median(mine):.2%} against {_median(theirs):.2%} of {evidence.champion.name}"
    return GateResult(
        name=PRODUCTION,
        figure=change.high,
        limit=limit,
        passed=passed,
        message=f"{errors} on {rows.height:,} rows: {_in_words(change)}; {_rule(limit, passed=passed)}",
    )


def no_bad_slice(evidence: GateEvidence) -> GateResult:
    """Require that no large slice is priced badly, or significantly worse than by the champion.

    Args:
        evidence: What the gates look at.

    Returns:
        The median error of the worst slice by make, age, price or state.
    """
    slices = _slices(evidence.quoted)
    if not slices:
        message = f"no slice of the test rows has {SLICE_ROWS} rows: none could be measured"
        return GateResult(
            name=BAD_SLICE, figure=None, limit=evidence.limits.slice_error, passed=False, message=message
        )
    worst_name, worst = max(
        ((name, _median(evidence.errors(rows=rows))) for name, rows in slices.items()),
        key=lambda item: item[1],
    )
    worse = _surely_worse(evidence, slices)
    return GateResult(
        name=BAD_SLICE,
        figure=worst,
        limit=evidence.limits.slice_error,
        passed=worst <= evidence.limits.slice_error and not worse,
        message=f"of {len(slices)} slices of {SLICE_ROWS} rows and more the worst is {worst_name}: "
        f"error {worst:.2%} (at most {evidence.limits.slice_error:.0%})"
        + "".join(f"; {item}" for item in worse),
    )


def coverage(evidence: GateEvidence) -> GateResult:
    """Require a coverage near the nominal one, or nearer to it than that of production.

    Two standard errors are allowed besides: of the share on the test rows, and of the quantiles, which were
    calibrated on the validation rows (Vovk 2012, "Conditional validity of inductive conformal predictors").
    After a sudden move of the market, validation rows from before it make ranges too wide; such a challenger
    passes if its share is significantly nearer to the nominal one than that of production.

    Args:
        evidence: What the gates look at.

    Returns:
        The share of test rows whose asking price lies in the range.
    """
    held = _share_held(evidence, low="low", high="high")
    calibrated_on = evidence.model.card.rows.get("validation", evidence.quoted.height)
    variance = NOMINAL_COVERAGE * (1 - NOMINAL_COVERAGE) * (1 / evidence.quoted.height + 1 / calibrated_on)
    off = evidence.limits.coverage_deviation + 2 * variance**0.5
    passed = abs(held - NOMINAL_COVERAGE) <= off
    message = (
        f"the range contains {held:.1%} of asking prices "
        f"({NOMINAL_COVERAGE - off:.1%} to {NOMINAL_COVERAGE + off:.1%})"
    )
    if not passed and evidence.champion:
        theirs = _share_held(evidence, low="production_low", high="production_high")
        message += f", that of {evidence.champion.name} {theirs:.1%}"
        passed = abs(held - NOMINAL_COVERAGE) < abs(theirs - NOMINAL_COVERAGE) - 2 * variance**0.5
    return GateResult(
        name="coverage of the range",
        figure=held,
        limit=NOMINAL_COVERAGE - off,
        passed=passed,
        message=message,
    )


def _share_held(evidence: GateEvidence, *, low: str, high: str) -> float:
    rows = evidence.quoted
    return float(rows["price"].is_between(rows[low], rows[high]).to_numpy().mean())


def refit(evidence: GateEvidence) -> GateResult:
    """Require that the fit on all listings has not spoiled the model that was evaluated.

    Args:
        evidence: What the gates look at.

    Returns:
        The median error of the challenger on the test rows, which it has been fitted on.
    """
    mine, before = (_median(evidence.errors(column)) for column in ("refitted", "quoted"))
    limit = before * (1 + REFIT_WORSE)
    return GateResult(
        name=REFIT,
        figure=mine,
        limit=limit,
        passed=mine <= limit,
        message=f"error {mine:.2%} on the test rows after the fit on all listings, {before:.2%} before "
        f"(at most {limit:.2%})",
    )


def _fresh(evidence: GateEvidence) -> pl.DataFrame:
    """Take the rows newer than the champion's training data if there are enough; it may know the others."""
    assert evidence.champion is not None  # noqa: S101  # checked by the caller
    newest = evidence.champion.model.card.data_as_of
    fresh = evidence.quoted.filter(pl.col("posted_at").dt.date() > newest)
    return fresh if fresh.height >= MIN_TEST_ROWS else evidence.quoted


def _is_newer(evidence: GateEvidence) -> bool:
    champion = evidence.champion
    return champion is not None and evidence.model.card.data_as_of > champion.model.card.data_as_of


def _surely_worse(evidence: GateEvidence, slices: dict[str, pl.DataFrame]) -> list[str]:
    if evidence.champion is None:
        return []
    worse = []
    for name, rows in slices.items():
        mine, theirs = (evidence.errors(column, rows=rows) for column in ("quoted", "production"))
        if _median(mine) <= _median(theirs) * (1 + SLICE_WORSE):
            continue
        change = paired_change(mine=mine.to_numpy(), theirs=theirs.to_numpy(), confidence=SLICE_CONFIDENCE)
        if change.low > 0:
            worse.append(f"{name}: error {_median(mine):.2%} against {_median(theirs):.2%} in production")
    return worse


def _slices(quoted: pl.DataFrame) -> dict[str, pl.DataFrame]:
    rows = add_slices(quoted)
    return {
        f"{name} {value}": part
        for name in SLICES
        for (value,), part in rows.group_by(name, maintain_order=True)
        if part.height >= SLICE_ROWS
    }


def _median(errors: pl.Series) -> float:
    return float(np.median(errors.to_numpy()))


def _in_words(change: PairedChange) -> str:
    return f"{change.measured:+.1%}, with {CONFIDENCE:.0%} confidence at most {change.high:+.1%}"


def _rule(limit: float, *, passed: bool) -> str:
    rule = f"with newer data up to {limit:+.0%} is allowed" if limit else "it must be below 0"
    return rule if passed else f"{rule}, which is not certain"
