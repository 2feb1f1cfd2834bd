"""Sequential tests of live accuracy, valid however often they are looked at (Ramdas et al. 2023).

Each test is an e-process: the capital of a gambler who bets on every sale that accuracy is worse than
measured before production. As long as it is not, the capital exceeds 1 / alpha with a chance of at most
alpha, over any number of sales (Ville 1939). It is an average over several alternatives, and over the sales
from which accuracy may be worse (mixture method).
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import exp, log
from typing import Any

import numpy as np

from carvalue.journal import Sale

ERROR_SCALES = (1.15, 1.25, 1.4, 1.8)  # how many times larger errors may have become
UNCOVERED_SCALES = (1.5, 2.0, 3.0)  # how many times more sales may lie outside their range
SIDES = (0.58, 0.65, 0.8)  # shares of quotes on one side of the sale price, of which half is expected
MAX_BIAS = 0.05  # of the sale price; buyers pay less than the asking price
ALPHA_ERROR, ALPHA_COVERAGE, ALPHA_BIAS = 0.03, 0.01, 0.005  # 5 % together, with both directions of a bias
MIN_PER_CLIENT, MAX_CLIENT_SHARE = 3, 0.01  # of an unverified client; its bets multiply
MIN_CLIENTS = 5  # independent clients, unless some sales are verified
MAX_CLIENTS = 2_000
AT_ONCE = 0.8  # of the capital is put on accuracy that is worse from the first sale on
MAX_LOG_CAPITAL = 500.0  # the exponential of more overflows together with others
TOLERANCE = 0.2  # of the metric `within_20`


@dataclass(kw_only=True)
class Evidence:
    """The capital of one test.

    Attributes:
        log_capital: By alternative.
        largest: The largest logarithm of the average capital so far.
        bets: Number of sales that were bet on.

    >>> evidence = Evidence.start(2)
    >>> for _ in range(9):
    ...     evidence.bet((2.0, 4.0))
    >>> evidence.exceeds(0.01)
    True
    """

    log_capital: list[float]
    largest: float = 0.0
    bets: int = 0

    @classmethod
    def start(cls, alternatives: int) -> "Evidence":
        """Put `AT_ONCE` of the capital on accuracy that is worse from the first sale on.

        Args:
            alternatives: How many there are.

        Returns:
            The evidence before the first sale.
        """
        return cls(log_capital=[log(AT_ONCE)] * alternatives)

    def bet(self, factors: Sequence[float]) -> None:
        """Multiply the capital.

        Args:
            factors: By alternative, how much more likely than expected the outcome was.
        """
        self.bets += 1
        added = exp(later_share(self.bets))
        self.log_capital = [
            min(log(exp(capital) + added) + log(factor), MAX_LOG_CAPITAL)
            for capital, factor in zip(self.log_capital, factors, strict=True)
        ]
        average = sum(map(exp, self.log_capital)) / len(self.log_capital)
        self.largest = max(self.largest, log(average))

    def exceeds(self, alpha: float) -> bool:
        """Decide whether the hypothesis is rejected.

        Args:
            alpha: The chance of a false rejection over any number of sales.

        Returns:
            Whether the capital has ever exceeded 1 / alpha.
        """
        return self.largest > -log(alpha)


def later_share(sale: int) -> float:
    """Compute what part of the capital is put on accuracy that is worse from a later sale on.

    Args:
        sale: The number of the sale, from 1.

    Returns:
        The logarithm of the part; all parts together are at most `1 - AT_ONCE`.

    >>> sum(exp(later_share(sale)) for sale in range(1, 100_000)) <= 1 - AT_ONCE
    True
    """
    return log((1 - AT_ONCE) / 1.1) - log(sale + 2) - 2 * log(log(sale + 2))


@dataclass(kw_only=True)
class AccuracyTests:
    """Tests the errors, the ranges and the bias of one version. Not thread-safe.

    Attributes:
        metrics: The metrics of the model card: `mdape`, `within_20` and `coverage` on the test rows.
        sales: The number of sales that were counted.

    >>> tests = AccuracyTests(metrics={"mdape": 0.1, "within_20": 0.8, "coverage": 0.9})
    >>> right = [
    ...     Sale(price=100, low=80, high=120, sale_price=96 + n % 9, client=f"{n}") for n in range(300)
    ... ]
    >>> tests.add(right, verified=())
    >>> tests.is_inaccurate, tests.is_uncovered, tests.bias
    (False, False, 0)
    >>> wrong = [Sale(price=140, low=120, high=170, sale_price=100, client=f"{n}") for n in range(80)]
    >>> tests.add(wrong, verified=())
    >>> tests.is_inaccurate, tests.is_uncovered, tests.bias
    (True, True, 1)
    """

    metrics: Mapping[str, float]
    sales: int = 0
    _error: Evidence = field(default_factory=lambda: Evidence.start(len(ERROR_SCALES)))
    _coverage: Evidence = field(default_factory=lambda: Evidence.start(len(UNCOVERED_SCALES)))
    _above: Evidence = field(default_factory=lambda: Evidence.start(len(SIDES)))
    _below: Evidence = field(default_factory=lambda: Evidence.start(len(SIDES)))
    _of_client: Counter[str] = field(default_factory=Counter)
    _is_verified: bool = False

    @property
    def is_inaccurate(self) -> bool:
        """Whether errors are larger than on the test rows."""
        return self._are_independent and self._error.exceeds(ALPHA_ERROR)

    @property
    def is_uncovered(self) -> bool:
        """Whether ranges contain fewer prices than on the test rows."""
        return self._are_independent and self._coverage.exceeds(ALPHA_COVERAGE)

    @property
    def bias(self) -> int:
        """1 if most quotes are more than 5 % above the sale price, -1 if as far below, otherwise 0."""
        side = int(self._above.exceeds(ALPHA_BIAS)) - int(self._below.exceeds(ALPHA_BIAS))
        return side if self._are_independent else 0

    def add(self, sales: Iterable[Sale], *, verified: Collection[str]) -> None:
        """Bet on the next sales, with a bounded number of those of each client.

        Args:
            sales: In the order in which they were reported.
            verified: Clients whose sales all count.
        """
        for sale in sales:
            if self._counts(sale.client or "", verified=verified):
                self._bet(sale)

    def as_json(self) -> dict[str, Any]:
        """Convert the state to JSON types.

        Returns:
            The capital of each test, and how many sales of each client were counted.
        """
        evidence = (self._error, self._coverage, self._above, self._below)
        return {
            "sales": self.sales,
            "evidence": [[item.log_capital, item.largest, item.bets] for item in evidence],
            "verified": self._is_verified,
            "clients": dict(self._of_client.most_common(MAX_CLIENTS)),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any], *, metrics: Mapping[str, float]) -> "AccuracyTests":
        """Read a saved state.

        Args:
            content: The result of `as_json`; empty to start anew.
            metrics: The metrics of the model card.

        Returns:
            The tests.
        """
        tests = cls(metrics=metrics)
        if content:
            tests.sales, tests._of_client = content["sales"], Counter(content["clients"])
            tests._is_verified = content["verified"]
            tests._error, tests._coverage, tests._above, tests._below = (
                Evidence(log_capital=list(capital), largest=largest, bets=bets)
                for capital, largest, bets in content["evidence"]
            )
        return tests

    @cached_property
    def _factors(self) -> tuple[list[float], np.ndarray]:
        return error_factors(self.metrics)

    @property
    def _are_independent(self) -> bool:
        return self._is_verified or len(self._of_client) >= MIN_CLIENTS

    def _counts(self, client: str, *, verified: Collection[str]) -> bool:
        allowed = max(MIN_PER_CLIENT, int(MAX_CLIENT_SHARE * self.sales))
        if client not in verified and self._of_client[client] >= allowed:
            return False
        self._is_verified |= client in verified
        self._of_client[client] += 1
        self.sales += 1
        return True

    def _bet(self, sale: Sale) -> None:
        ratio = sale.price / sale.sale_price
        borders, factors = self._factors
        self._error.bet(factors[int(np.searchsorted(borders, abs(ratio - 1)))].tolist())
        outside = 1 - self.metrics.get("coverage", 0.9)
        is_outside = not sale.low <= sale.sale_price <= sale.high
        worse = [min(scale * outside, 0.9) for scale in UNCOVERED_SCALES]
        self._coverage.bet([q / outside if is_outside else (1 - q) / (1 - outside) for q in worse])
        for evidence, is_beyond in (
            (self._above, ratio > 1 + MAX_BIAS),
            (self._below, ratio < 1 - MAX_BIAS),
        ):
            evidence.bet([2 * q if is_beyond else 2 * (1 - q) for q in SIDES])


def error_factors(metrics: Mapping[str, float]) -> tuple[list[float], np.ndarray]:
    """Compute how much more likely each class of errors is if errors have grown than it was before.

    Args:
        metrics: The metrics of the model card.

    Returns:
        The borders between the classes, as shares of the price, and factors, shape (classes, alternatives).

    >>> borders, factors = error_factors({"mdape": 0.1, "within_20": 0.8})
    >>> borders, factors[:, 1].round(2).tolist()
    ([0.1, 0.2], [0.84, 0.95, 1.48])
    """
    borders, below = error_classes(metrics)
    expected = np.diff([0.0, *below, 1.0])
    grown = [np.interp(np.log(np.array(borders) / scale), *_known(borders, below)) for scale in ERROR_SCALES]
    return borders, np.column_stack([np.diff([0.0, *share, 1.0]) / expected for share in grown])


def error_classes(metrics: Mapping[str, float]) -> tuple[list[float], list[float]]:
    """Read the distribution of errors on the test rows.

    Args:
        metrics: The metrics of the model card.

    Returns:
        Errors as shares of the price, ascending, and the share of rows with at most each error.
    """
    known = {metrics["mdape"]: 0.5}
    if 0.5 < metrics.get("within_20", 0.5) < 1 and metrics["mdape"] < TOLERANCE:
        known[TOLERANCE] = metrics["within_20"]
    for decile in range(1, 10):
        if (error := metrics.get(f"error_p{decile}0")) is not None:
            known[error] = decile / 10
    borders = sorted(known)
    return borders, [known[border] for border in borders]


def _known(borders: Sequence[float], below: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Extend the distribution below its smallest border, where it is about proportional to the error."""
    smallest = np.array([borders[0] / 4, borders[0] / 2])
    errors = np.log([*smallest, *borders])
    return errors, np.array([below[0] / 4, below[0] / 2, *below])
