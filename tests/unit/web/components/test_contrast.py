"""Marks of charts stand out from the page in both schemes (WCAG 2.1, 1.4.11: 3:1)."""

import re
from pathlib import Path

import pytest

from carvalue.web import page
from carvalue.web.components import charts
from carvalue.web.components.browser.assets import ASSETS

LIGHT, DARK = "#ffffff", "#171614"  # Streamlit's backgrounds; the browser test reads them from the page
CSS = Path(page.__file__).with_name("static") / "page.css"
SCHEMES = {"light": LIGHT, "dark": DARK}
CHARTS = {name: getattr(charts, name) for name in ("UP", "DOWN", "NEUTRAL", "MARK")}
(RANGE,) = set(re.findall(r"\.cv-bar \{[^}]*background: (#\w{6})", CSS.read_text()))
# of each colour of the what-if charts: for the dark scheme, then for the light one
WHAT_IF = re.findall(r'dark \? "(#\w{6})" : "(#\w{6})"', (ASSETS / "what_if.js").read_text())


def luminance(color: str) -> float:
    """Relative luminance of an sRGB colour, as WCAG defines it."""
    shares = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(color: str, background: str) -> float:
    dark, light = sorted(map(luminance, (color, background)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("background", SCHEMES.values(), ids=SCHEMES)
@pytest.mark.parametrize("color", [*CHARTS.values(), RANGE], ids=[*CHARTS, "range"])
def test_the_marks_of_charts_stand_out(color: str, background: str) -> None:
    assert contrast(color, background) >= 3


@pytest.mark.parametrize("background", SCHEMES.values(), ids=SCHEMES)
def test_the_texts_of_the_map_can_be_read(background: str) -> None:
    assert contrast(charts.TILE_TEXT, charts.TILE) >= 4.5
    assert contrast(charts.TILE, background) >= 3


def test_no_mark_is_transparent() -> None:
    car = {"odometer": 80_000, "price": 20_000, "year": 2015, "model": "focus", "state": "tx"}
    drawn = [
        charts.similar_cars([car], odometer=80_000, price=20_000).to_dict(),
        charts.two_distributions(["a"], [1.0], [1.0]).to_dict(),
    ]
    marks = [layer["mark"] for chart in drawn for layer in chart.get("layer", [chart])]

    assert len(marks) == 3
    assert {mark.get("opacity", 1) for mark in marks} == {1}


def test_the_marks_of_the_what_if_charts_stand_out() -> None:
    assert len(WHAT_IF) == 2  # the line and the car itself
    assert min(contrast(dark, DARK) for dark, _ in WHAT_IF) >= 3
    assert min(contrast(light, LIGHT) for _, light in WHAT_IF) >= 3
