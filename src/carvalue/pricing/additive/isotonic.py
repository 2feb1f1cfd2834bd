"""Isotonic regression of curves, and linear interpolation between knots."""

from bisect import bisect_right
from collections.abc import Sequence


def isotonic_increasing(curve: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Compute the non-decreasing curve with the least weighted squared distance.

    Algorithm: pool adjacent violators (Ayer et al. 1955; Barlow et al. 1972).

    Args:
        curve: Values in order, shape (knots,).
        weights: Positive weight of each value, shape (knots,).

    Returns:
        The non-decreasing values, shape (knots,).

    Examples:
        >>> isotonic_increasing([1.0, 3.0, 2.0, 4.0], [1.0, 1.0, 1.0, 1.0])
        [1.0, 2.5, 2.5, 4.0]
    """
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(curve, weights, strict=True):
        pool = (value, weight, 1)
        while pools and pools[-1][0] > pool[0]:
            pool = _pooled(pools.pop(), pool)
        pools.append(pool)
    return [value for value, _, length in pools for _ in range(length)]


def isotonic_decreasing(curve: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Compute the non-increasing curve with the least weighted squared distance.

    Args:
        curve: Values in order, shape (knots,).
        weights: Positive weight of each value, shape (knots,).

    Returns:
        The non-increasing values, shape (knots,).

    Examples:
        >>> isotonic_decreasing([3.0, 1.0, 2.0], [1.0, 1.0, 3.0])
        [3.0, 1.75, 1.75]
    """
    return [-value for value in isotonic_increasing([-value for value in curve], weights)]


def locate(knots: Sequence[float], value: float) -> tuple[int, float]:
    """Find the segment between knots that contains a value.

    Args:
        knots: Increasing knots, at least two.
        value: Value to find; beyond the ends it counts as the nearest end.

    Returns:
        Index of the segment, and the position within it from 0 to 1.

    Examples:
        >>> locate([0.0, 10.0, 30.0], 15.0)
        (1, 0.25)
        >>> locate([0.0, 10.0, 30.0], 99.0)
        (1, 1.0)
    """
    if value <= knots[0]:
        return 0, 0.0
    if value >= knots[-1]:
        return len(knots) - 2, 1.0
    segment = bisect_right(knots, value) - 1
    return segment, (value - knots[segment]) / (knots[segment + 1] - knots[segment])


def interpolate(curve: Sequence[float], segment: int, share: float) -> float:
    """Interpolate a curve linearly between two knots.

    Args:
        curve: Value of the curve at each knot.
        segment: Index of the segment, as `locate` returns it.
        share: Position within the segment from 0 to 1.

    Returns:
        Value of the curve at that position.

    Examples:
        >>> interpolate([1.0, 2.0, 6.0], *locate([0.0, 10.0, 30.0], 15.0))
        3.0
    """
    return curve[segment] + (curve[segment + 1] - curve[segment]) * share


def _pooled(left: tuple[float, float, int], right: tuple[float, float, int]) -> tuple[float, float, int]:
    weight = left[1] + right[1]
    return (left[0] * left[1] + right[0] * right[1]) / weight, weight, left[2] + right[2]
