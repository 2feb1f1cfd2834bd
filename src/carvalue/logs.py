"""Logging: one JSON object on one line for each event, with the ids of its trace."""

import logging
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from carvalue.trace_context import current_trace

_add_fields = structlog.stdlib.ExtraAdder()
_format_fields = structlog.processors.KeyValueRenderer()


def configure_logs(level: int = logging.INFO) -> None:
    """Send every event of this process to standard error: as JSON, or as coloured text to a terminal.

    Args:
        level: The lowest level that is written.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(log_formatter(is_terminal=sys.stderr.isatty()))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # at INFO it writes a line for every request


def log_formatter(*, is_terminal: bool = False) -> logging.Formatter:
    """Build what formats the events of all loggers, also those of libraries.

    Args:
        is_terminal: Whether people read the lines.

    Returns:
        A formatter. A JSON object has `time` (UTC), `level`, `logger`, `message`, the fields of the event
        (`extra`), in a trace its `trace_id` and `span_id`, and after an error `exception`.

    >>> import json
    >>> record = logging.makeLogRecord({"msg": "swapped", "levelname": "INFO", "version": 4})
    >>> event = json.loads(log_formatter().format(record))
    >>> event["message"], event["level"], event["version"]
    ('swapped', 'info', 4)
    """
    renderers: list[Processor] = (
        [structlog.dev.ConsoleRenderer()]
        if is_terminal
        else [
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(),
        ]
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            _add_fields,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            _add_trace,
        ],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
    )


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
    fields = {name: value for name, value in _fields(record).items() if name != "_record"}
    if fields:
        text = _format_fields(None, "", fields)
        record.msg, record.args = f"{record.getMessage()} {text}", None
        for name in fields:
            delattr(record, name)
    return True


def _fields(record: logging.LogRecord) -> EventDict:
    return _add_fields(logging.getLogger(record.name), "", {"_record": record})


def _add_trace(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    event.pop("color_message", None)  # uvicorn's copy of the text
    if trace := current_trace():
        event.setdefault("trace_id", trace.trace_id)
        event.setdefault("span_id", trace.span_id)
    return event
