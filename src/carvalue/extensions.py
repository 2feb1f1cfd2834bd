"""Extensions: functions of other installed packages, which they declare as entry points.

See https://packaging.python.org/en/latest/specifications/entry-points/ and docs/how-to/extend.md.
"""

from importlib.metadata import EntryPoint, entry_points
from typing import Literal

ExtensionPoint = Literal["carvalue.sources", "carvalue.gates", "carvalue.notifiers"]
"""A group of entry points."""


def installed_extensions(point: ExtensionPoint) -> tuple[EntryPoint, ...]:
    """List what installed packages add at an extension point; nothing is imported yet.

    Args:
        point: The extension point.

    Returns:
        The entry points in order of their names; `load()` imports one.

    >>> installed_extensions("carvalue.gates")
    ()
    """
    return tuple(sorted(entry_points(group=point), key=lambda found: found.name))


def find_extension(point: ExtensionPoint, url: str) -> EntryPoint | None:
    """Find the extension whose name is the scheme of a URL.

    Args:
        point: The extension point.
        url: Such as `daily-parquet:///data/listings`.

    Returns:
        The entry point; None if the text has no scheme or no installed package adds it.

    >>> find_extension("carvalue.sources", "listings.csv") is None
    True
    """
    scheme, separator, _ = url.partition("://")
    if not separator:
        return None
    return next((found for found in installed_extensions(point) if found.name == scheme), None)
