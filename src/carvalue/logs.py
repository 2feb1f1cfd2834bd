"""Logging: one line for each event, with the event's fields as `key=value` after the text."""

import logging
import sys

LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"  # deploy/aws/alarms.tf matches this format

# attributes of every LogRecord (`color_message` is uvicorn's copy of the text); any other attribute was
# passed as `extra` and is a field of the event
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class FieldsFormatter(logging.Formatter):
    """Append the fields of an event (`extra`) as `key=value` after the text.

    >>> record = logging.makeLogRecord({"msg": "swapped", "levelname": "INFO", "version": 4})
    >>> FieldsFormatter("%(levelname)s %(message)s").format(record)
    'INFO swapped version=4'
    """

    def format(self, record: logging.LogRecord) -> str:
        """Format one record as time, level, logger, text and fields.

        Args:
            record: The event.

        Returns:
            One line, followed by the traceback if the record has one.
        """
        fields = _format_fields(_fields(record))
        line = super().format(record)
        return f"{line} {fields}" if fields else line


def configure_logs(level: int = logging.INFO) -> None:
    """Send every event of this process to standard error.

    Args:
        level: The lowest level that is written.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FieldsFormatter(LINE))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # at INFO it writes a line for every request


def fold_fields(record: logging.LogRecord) -> bool:
    """Move the fields of an event into its text, for handlers that ignore `extra`. Use it as a log filter.

    Args:
        record: The event, changed in place.

    Returns:
        True: every record passes the filter.

    >>> record = logging.makeLogRecord({"msg": "swapped", "version": 4})
    >>> fold_fields(record), record.msg
    (True, 'swapped version=4')
    """
    if fields := _fields(record):
        record.msg, record.args = f"{record.getMessage()} {_format_fields(fields)}", None
        for name in fields:
            delattr(record, name)
    return True


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _format_fields(fields: dict[str, object]) -> str:
    return " ".join(f"{name}={value!r}" for name, value in fields.items())
