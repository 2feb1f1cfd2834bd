"""Griffe extension: doctests in docstrings become example sections of the Python reference."""

import re
from typing import Any

import griffe

# a doctest at the docstring's margin: its prompts, and its output up to an empty line
DOCTEST = re.compile(r"^>>> .*\n?(?:^(?!\s*$).*\n?)*", re.MULTILINE)


class DoctestSections(griffe.Extension):
    """Turn `Example:` and bare doctests into `Examples:`, which Griffe renders as code."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of an object before it is parsed."""
        if obj.docstring:
            obj.docstring.value = with_examples(obj.docstring.value)


def with_examples(text: str) -> str:
    """Return a docstring whose doctests all are in `Examples:` sections."""
    text = re.sub(r"^Example:$", "Examples:", text, flags=re.MULTILINE)
    return DOCTEST.sub(_section, text)


def _section(doctest: re.Match[str]) -> str:
    return "Examples:\n" + "".join(f"    {line}\n" for line in doctest[0].splitlines())
