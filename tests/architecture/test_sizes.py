"""Rooms stay small: no module over 300 lines, the median at most 120."""

from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]


def test_modules_stay_small() -> None:
    sizes = {
        path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines())
        for path in (ROOT / "src").rglob("*.py")
        if path.name != "__init__.py"
    }

    too_large = {path: lines for path, lines in sizes.items() if lines > 300}

    assert not too_large
    assert median(sizes.values()) <= 120
