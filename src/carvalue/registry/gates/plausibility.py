"""Gates that bound how far one promotion may move prices.

They compare the challenger with the champion on a fixed basket of cars and on source listings whose prices
were not adjusted, so that neither reported sales nor an adjustment of prices can hide an implausible model.
"""

import numpy as np
import numpy.typing as npt

from carvalue.registry.gates.bootstrap import paired_change
from carvalue.registry.gates.evidence import GateEvidence
from carvalue.registry.judgement import GateResult

PRICE_LEVEL, PRICE_MOVES, LISTED_PRICES = "price level", "plausible moves", "listed prices"
MIN_BASKET_CARS = 50
MAX_MOVE = 0.7  # of a single car's price besides the level; small samples of two markets differ by less
MAX_MOVED_SHARE = 0.02  # of the basket
MIN_LISTED_ROWS = 150  # rows; the bound of the change is wide enough for so few
MAX_WORSE = 0.05  # of the champion's median error
CONFIDENCE = 0.95  # one-sided


def price_level(evidence: GateEvidence) -> GateResult:
    """Require a person's approval where the price level moves further than one promotion may move it.

    Args:
        evidence: The challenger, the champion and the basket.

    Returns:
        A result that is always passed; `needs_approval` tells whether a person must approve.
    """
    moves = _moves(evidence)
    if moves is None:
        return _nothing_to_compare(PRICE_LEVEL)
    level = float(np.exp(np.median(moves)) - 1)
    limit = evidence.limits.level_change
    text = f"the basket of {len(moves)} cars moves by {level:+.1%} at the median (at most {limit:.0%})"
    needs_approval = abs(level) > limit
    return GateResult(
        name=PRICE_LEVEL,
        figure=level,
        limit=limit,
        passed=True,
        message=f"{text}: a person must approve" if needs_approval else text,
        needs_approval=needs_approval,
    )


def plausible_moves(evidence: GateEvidence) -> GateResult:
    """Refuse a challenger that moves single cars far more than the rest of the basket.

    Args:
        evidence: The challenger, the champion and the basket.

    Returns:
        The share of cars whose price moves by more than `MAX_MOVE` besides the move of the level.
    """
    moves = _moves(evidence)
    if moves is None:
        return _nothing_to_compare(PRICE_MOVES)
    share = float(np.mean(np.abs(moves - np.median(moves)) > np.log1p(MAX_MOVE)))
    return GateResult(
        name=PRICE_MOVES,
        figure=share,
        limit=MAX_MOVED_SHARE,
        passed=share <= MAX_MOVED_SHARE,
        message=f"{share:.1%} of the basket's cars move by more than {MAX_MOVE:.0%} besides the level "
        f"(at most {MAX_MOVED_SHARE:.0%})",
    )


def listed_prices(evidence: GateEvidence) -> GateResult:
    """Require that the challenger is not worse on source listings whose prices were not adjusted.

    Args:
        evidence: The quoted test rows.

    Returns:
        The upper bound of the relative change of the median error against the champion.
    """
    rows = evidence.quoted.filter(evidence.quoted["price"] == evidence.quoted["listed_price"])
    if evidence.champion is None:
        return _nothing_to_compare(LISTED_PRICES)
    if rows.height < MIN_LISTED_ROWS:
        text = f"only {rows.height} test rows have their listed price (at least {MIN_LISTED_ROWS})"
        return GateResult(name=LISTED_PRICES, figure=None, limit=None, passed=False, message=text)
    mine, theirs = (evidence.errors(column, rows=rows).to_numpy() for column in ("quoted", "production"))
    change = paired_change(mine=mine, theirs=theirs, confidence=CONFIDENCE)
    return GateResult(
        name=LISTED_PRICES,
        figure=change.high,
        limit=MAX_WORSE,
        passed=change.high <= MAX_WORSE,
        message=f"error {np.median(mine):.2%} against {np.median(theirs):.2%} of {evidence.champion.name} on "
        f"{rows.height:,} rows at their listed prices (at most {MAX_WORSE:+.0%})",
    )


def _moves(evidence: GateEvidence) -> npt.NDArray[np.float64] | None:
    """Compute log(challenger / champion) for each car of the basket, shape (cars,); None without a basket."""
    basket = evidence.basket
    if evidence.champion is None or basket.height < MIN_BASKET_CARS:
        return None
    new, old = (basket[name].cast(float).to_numpy() for name in ("challenger", "champion"))
    moves: npt.NDArray[np.float64] = np.log(new / old)
    return moves


def _nothing_to_compare(name: str) -> GateResult:
    text = "no champion and basket to compare with"
    return GateResult(name=name, figure=None, limit=None, passed=True, message=text)
