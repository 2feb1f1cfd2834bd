"""Logging, set up once by the process that starts: one event a line, its fields beside the text."""

import logging
import sys

# what every LogRecord carries; anything else came in through `extra` and belongs to the event
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class FieldsFormatter(logging.Formatter):
    """Append the event's own fields as `key=value` after the text."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one record: time, level, logger, text, then its fields."""
        fields = " ".join(f"{k}={v!r}" for k, v in vars(record).items() if k not in _STANDARD)
        line = super().format(record)
        return f"{line} {fields}" if fields else line


def configure_logs(level: int = logging.INFO) -> None:
    """Send every event of this process to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FieldsFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
