"""What commands say: lines, tables, and a spinner for what is going on."""

import sys
import time
from typing import Self


class ProgressConsole:
    """Lines for what has happened, with the time; on a terminal, a spinner for what is going on."""

    def __init__(self) -> None:
        import rich.console

        self._console = rich.console.Console(soft_wrap=True, highlight=False)
        self._status = self._console.status("")
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def say(self, line: str, *, style: str = "") -> None:
        """Write a line that stays."""
        self._console.print(f"{time.monotonic() - self._began:6.1f} s  {line}", markup=False, style=style)

    def doing(self, what: str) -> None:
        """Name what is going on."""
        self._status.update(what)


def print_line(line: str) -> None:
    """Write a line to standard output."""
    print(line, flush=True)


def print_error(line: str) -> None:
    """Write a line to standard error."""
    print(f"carvalue: {line}", file=sys.stderr, flush=True)


def print_table(renderable: object) -> None:
    """Write what rich can draw, a table for one."""
    import rich.console

    rich.console.Console(soft_wrap=True).print(renderable)
