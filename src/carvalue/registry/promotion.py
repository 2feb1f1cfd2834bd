"""The pure rule: challenger and champion in, decision with its reasons out."""

from collections.abc import Mapping
from dataclasses import dataclass

WORSE_AT_MOST = 0.01  # of the champion's error: on a few thousand test rows a smaller difference is chance


@dataclass(frozen=True, kw_only=True)
class Score:
    """What the rule looks at: the median relative error on the test rows, and the data's origin."""

    mdape: float
    data_source: str
    """kaggle, file or sample."""

    @classmethod
    def of(cls, metrics: Mapping[str, float], *, data_source: str) -> "Score":
        """Take the score out of an evaluation's metrics."""
        return cls(mdape=metrics["mdape"], data_source=data_source)


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Whether to promote, and why or why not; reasons are never empty."""

    promote: bool
    reasons: tuple[str, ...]


def decide(
    *,
    challenger: Score,
    baseline_mdape: float,
    champion: Score | None,
    broken_promises: tuple[str, ...] = (),
) -> Decision:
    """Let a challenger in if it beats the baseline, behaves, and is not worse than the version in production.

    Both were scored on the same test rows. `champion` is None where nothing usable is in production;
    `broken_promises` are what the checks of behaviour found.
    """
    objections = [
        *broken_promises,
        _no_better_than_the_baseline(challenger, baseline_mdape),
        _made_up_data(challenger, champion),
        _worse_than_the_champion(challenger, champion),
    ]
    against = tuple(objection for objection in objections if objection)
    if against:
        return Decision(promote=False, reasons=against)
    return Decision(promote=True, reasons=_praise(challenger, baseline_mdape, champion))


def _no_better_than_the_baseline(challenger: Score, baseline_mdape: float) -> str:
    if challenger.mdape < baseline_mdape:
        return ""
    return f"its error {_percent(challenger.mdape)} does not beat the baseline's {_percent(baseline_mdape)}"


def _made_up_data(challenger: Score, champion: Score | None) -> str:
    if champion is None or challenger.data_source != "sample" or champion.data_source == "sample":
        return ""
    return "it learned from the made-up sample, the version in production from real listings"


def _worse_than_the_champion(challenger: Score, champion: Score | None) -> str:
    if champion is None or challenger.mdape <= champion.mdape * (1 + WORSE_AT_MOST):
        return ""
    errors = f"{_percent(challenger.mdape)} against {_percent(champion.mdape)}"
    return f"it is worse than the version in production: error {errors} on the same test rows"


def _praise(challenger: Score, baseline_mdape: float, champion: Score | None) -> tuple[str, ...]:
    mine = _percent(challenger.mdape)
    beats = f"error {mine} beats the baseline's {_percent(baseline_mdape)}"
    if champion is None:
        return beats, "nothing usable is in production"
    return beats, f"error {mine} against {_percent(champion.mdape)} of the version in production"


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
