"""The code blocks of the tutorials and of other pages. A comment above each block says how it is tested."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TUTORIALS = sorted((Path(__file__).parents[1] / "docs" / "tutorials").glob("*.md"))
FENCE = re.compile(r"(?:<!-- test: (?P<how>[^>]+?) -->\n)?```(?P<language>\w+)\n(?P<code>.*?)```", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    page: str
    how: str
    language: str
    code: str


def blocks(how: str = "", *, pages: Sequence[Path] = TUTORIALS) -> list[Block]:
    """Return the blocks of pages that are tested in a certain way; all without one."""
    return [
        Block(path.stem, found["how"] or "", found["language"], found["code"])
        for path in pages
        for found in FENCE.finditer(path.read_text(encoding="utf-8"))
        if (found["how"] or "").startswith(how)
    ]
