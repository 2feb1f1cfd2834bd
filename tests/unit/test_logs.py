"""Every event is one line of JSON with its fields and the ids of its trace."""

import json
import logging
import subprocess
import sys

from carvalue.logs import fold_fields, log_formatter
from carvalue.trace_context import child_context, in_trace


def formatted(record: logging.LogRecord) -> dict[str, object]:
    line = log_formatter().format(record)
    assert "\n" not in line
    event: dict[str, object] = json.loads(line)
    return event


def test_an_event_has_its_text_its_fields_and_its_origin() -> None:
    record = logging.makeLogRecord(
        {
            "name": "carvalue.journal",
            "levelno": 30,
            "levelname": "WARNING",
            "msg": "%s lost",
            "args": ("one",),
        }
        | {"records": 3, "path": object}
    )

    event = formatted(record)

    assert event.pop("time")
    assert event == {
        "level": "warning",
        "logger": "carvalue.journal",
        "message": "one lost",
        "records": 3,
        "path": "<class 'object'>",
    }


def test_an_event_of_a_trace_has_its_ids() -> None:
    context = child_context(None)

    with in_trace(context):
        event = formatted(logging.makeLogRecord({"msg": "quoted"}))

    assert (event["trace_id"], event["span_id"]) == (context.trace_id, context.span_id)
    assert "trace_id" not in formatted(logging.makeLogRecord({"msg": "quoted"}))


def test_an_error_has_its_traceback_without_the_values_of_variables() -> None:
    def fail(secret: str) -> None:
        raise ValueError(f"failed on {len(secret)}")

    try:
        fail("hidden")
    except ValueError:
        record = logging.makeLogRecord({"msg": "failed", "exc_info": sys.exc_info()})

    event = formatted(record)

    assert "ValueError: failed on 6" in str(event["exception"])
    assert "secret = " not in str(event["exception"])


def test_libraries_log_as_json_too() -> None:
    program = (
        "import logging; from carvalue.logs import configure_logs; configure_logs();"
        "logging.getLogger('uvicorn.error').warning('shutting down', extra={'color_message': 'x'})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    event = json.loads(done.stderr)

    assert event["message"] == "shutting down"
    assert "color_message" not in event


def test_fields_are_folded_into_the_text_once() -> None:
    record = logging.makeLogRecord({"msg": "swapped %d", "args": (2,), "version": 4, "name": "a"})

    fold_fields(record)
    fold_fields(record)

    assert record.getMessage() == "swapped 2 version=4"
