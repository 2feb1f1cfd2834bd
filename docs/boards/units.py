"""Write numbers in the units of Grafana."""

import math

from carvalue.listings import CURRENCY

DURATIONS = (
    (1e-3, "ms", 1e3),
    (1, "s", 1),
    (60, "min", 1 / 60),
    (3_600, "h", 1 / 3_600),
    (86_400, "d", 1 / 86_400),
)
PREFIXES = ((1, "", 1.0), (1e3, "k", 1e-3), (1e6, "M", 1e-6), (1e9, "G", 1e-9), (1e12, "T", 1e-12))


def format_number(value: float, unit: str, *, decimals: int | None = None) -> str:
    """Write a number.

    Args:
        value: The number.
        unit: Grafana's name of the unit.
        decimals: Number of decimals; None: three significant digits.

    Returns:
        The text, such as `12 %`.

    Examples:
        >>> [format_number(0.123, "percentunit"), format_number(0.0042, "s"), format_number(268e6, "bytes")]
        ['12.3 %', '4.2 ms', '268 MB']
    """
    if math.isnan(value):
        return "NaN"
    if unit == "percentunit":
        return f"{_digits(100 * value, decimals)} %"
    if unit == "reqps":
        return f"{_digits(value, decimals)} req/s"
    if unit == "s":
        return _scaled(value, DURATIONS, decimals)
    if unit == "bytes":
        return _scaled(value, PREFIXES, decimals) + "B"
    if unit.startswith("currency"):
        return CURRENCY.format(round(value))
    return _scaled(value, PREFIXES, decimals).strip()


def _scaled(value: float, scale: tuple[tuple[float, str, float], ...], decimals: int | None) -> str:
    _, name, factor = next((step for step in reversed(scale) if abs(value) >= step[0]), scale[0])
    if value == 0:
        _, name, factor = next(step for step in scale if step[2] == 1)
    return f"{_digits(value * factor, decimals)} {name}"


def _digits(value: float, decimals: int | None) -> str:
    if decimals is not None:
        return f"{value:,.{decimals}f}"
    return f"{value:,.0f}" if abs(value) >= 1_000 or value == 0 else f"{value:.3g}"
