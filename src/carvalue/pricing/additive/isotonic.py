"""Curves that only rise, or only fall: the closest one to a curve that was learned."""

from bisect import bisect_right
from collections.abc import Sequence


def isotonic_increasing(curve: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Give the non-decreasing curve with the least weighted squared distance (pool adjacent violators)."""
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(curve, weights, strict=True):
        pool = (value, weight, 1)
        while pools and pools[-1][0] > pool[0]:
            pool = _pooled(pools.pop(), pool)
        pools.append(pool)
    return [value for value, _, length in pools for _ in range(length)]


def isotonic_decreasing(curve: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Give the non-increasing curve with the least weighted squared distance."""
    return [-value for value in isotonic_increasing([-value for value in curve], weights)]


def locate(knots: Sequence[float], value: float) -> tuple[int, float]:
    """Find a value among rising knots: the segment's number and the share of it; beyond the ends, the end."""
    if value <= knots[0]:
        return 0, 0.0
    if value >= knots[-1]:
        return len(knots) - 2, 1.0
    segment = bisect_right(knots, value) - 1
    return segment, (value - knots[segment]) / (knots[segment + 1] - knots[segment])


def interpolate(curve: Sequence[float], segment: int, share: float) -> float:
    """Read a curve given at knots between two of them."""
    return curve[segment] + (curve[segment + 1] - curve[segment]) * share


def _pooled(left: tuple[float, float, int], right: tuple[float, float, int]) -> tuple[float, float, int]:
    weight = left[1] + right[1]
    return (left[0] * left[1] + right[0] * right[1]) / weight, weight, left[2] + right[2]
