"""Output of the commands: lines, tables and a progress spinner."""

import sys
import time
from typing import Self


class ProgressConsole:
    """Prints timed lines for what has happened and, on a terminal, a spinner for the present activity."""

    def __init__(self) -> None:
        import rich.console

        self._console = rich.console.Console(soft_wrap=True, highlight=False)
        self._status = self._console.status("")
        self._start = time.monotonic()

    def __enter__(self) -> Self:
        self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def report(self, line: str, *, style: str = "") -> None:
        """Print a line after the seconds since the start of the command.

        Args:
            line: The line.
            style: Style of Rich; empty for plain text.
        """
        self._console.print(f"{time.monotonic() - self._start:6.1f} s  {line}", markup=False, style=style)

    def update(self, activity: str) -> None:
        """Show the present activity beside the spinner.

        Args:
            activity: What is going on.
        """
        self._status.update(activity)


def print_line(line: str) -> None:
    """Write a line to standard output.

    Args:
        line: The line.
    """
    print(line, flush=True)


def print_error(line: str) -> None:
    """Write a line to standard error.

    Args:
        line: The line.
    """
    print(f"carvalue: {line}", file=sys.stderr, flush=True)


def print_table(renderable: object) -> None:
    """Write a table to standard output.

    Args:
        renderable: A table, or any other object that Rich can render.
    """
    import rich.console

    rich.console.Console(soft_wrap=True).print(renderable)
