"""Logging, set up once by the process that starts: one event a line, its fields beside the text."""

import logging
import sys

LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"  # an alarm on AWS reads it: deploy/aws/alarms.tf

# what every LogRecord carries (the last: uvicorn's second copy of its text); anything else came in through
# `extra` and belongs to the event
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class FieldsFormatter(logging.Formatter):
    """Append the event's own fields as `key=value` after the text."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one record: time, level, logger, text, then its fields."""
        fields = _spelled(_fields(record))
        line = super().format(record)
        return f"{line} {fields}" if fields else line


def fold_fields(record: logging.LogRecord) -> bool:
    """Write an event's fields into its text, for handlers that would drop them; a filter that keeps all."""
    if fields := _fields(record):
        record.msg, record.args = f"{record.getMessage()} {_spelled(fields)}", None
        for name in fields:
            delattr(record, name)
    return True


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _spelled(fields: dict[str, object]) -> str:
    return " ".join(f"{name}={value!r}" for name, value in fields.items())


def configure_logs(level: int = logging.INFO) -> None:
    """Send every event of this process to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FieldsFormatter(LINE))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it writes a line for every request that went well
