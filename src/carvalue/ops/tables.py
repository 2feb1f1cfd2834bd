"""Tables for the console: how every service is, and what runs where."""

from datetime import timedelta

from rich.table import Table
from rich.text import Text

from carvalue.ops.status import ServiceStatus

COLORS = {"healthy": "green", "done": "green", "starting": "yellow", "unhealthy": "red", "down": "red"}


def status_table(found: tuple[ServiceStatus, ...]) -> Table:
    """Show one row a service; where one is not well, the last line of its log below its name."""
    table = Table("service", "state", "pid", "up for", "address", box=None, pad_edge=False)
    for item in found:
        table.add_row(
            item.service.name,
            Text(item.state, style=COLORS[item.state]),
            str(item.pid or "-"),
            _duration(item.uptime),
            item.service.address or "-",
        )
    return table


def last_words(found: tuple[ServiceStatus, ...]) -> list[str]:
    """Tell the last line of the log of every service that is not well and said something."""
    return [f"{item.service.name}: {item.last_line}" for item in found if item.last_line]


def _duration(value: timedelta | None) -> str:
    if value is None:
        return "-"
    minutes, seconds = divmod(int(value.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"
