"""The table of common changes in CONTRIBUTING."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"^\| (?P<change>[^|]+) \| (?P<edit>.+) \| (?P<check>.+) \|$", re.MULTILINE)


def common_changes() -> dict[str, tuple[str, str]]:
    """Read the table: each change with what to edit and what checks it."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Common changes")[2]
    return {found["change"]: (found["edit"], found["check"]) for found in ROW.finditer(text)}
