"""Estimate used-car prices and run the platform that trains, serves and monitors the price model.

`carvalue.__version__` is the version of the installed package, read from its metadata.
"""


def __getattr__(name: str) -> str:
    """Read the version when it is first asked for: importing the metadata reader takes 30 ms.

    Args:
        name: Name of the missing module attribute.

    Returns:
        The version, for the name `__version__`.

    Raises:
        AttributeError: The module has no such attribute.
    """
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415

        return version("carvalue")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
