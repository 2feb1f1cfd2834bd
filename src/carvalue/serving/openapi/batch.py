"""OpenAPI description of `POST /predict/batch`."""

from carvalue.files.tabular import MAX_ROWS
from carvalue.serving.batch import ANSWER_COLUMNS, ARROW, CSV, NDJSON, PARQUET
from carvalue.serving.openapi.components import problem_response

BINARY = {"type": "string", "format": "binary"}
REQUEST_CSV = (
    "make,model,year,odometer,my_number\nford,f-150 xlt,2015,80000,17\nford,f-150 xlt,next,80000,18\n"
)
REQUEST_NDJSON = (
    '{"make": "ford", "model": "f-150 xlt", "year": 2015, "odometer": 80000}\n'
    '{"make": "toyota", "model": "camry le", "year": 2012}\n'
)
ANSWER_CSV = (
    ",".join(ANSWER_COLUMNS.names())
    + "\n22450,18900,26100,USD,3,2021-05-04,many,,0199a1b2c3d4e5f60718293a4b5c6d7e,\n"
    + ",,,,,,,,,year next: expected a whole number\n"
)


def batch_operation() -> dict[str, object]:
    """Describe `POST /predict/batch`, whose body FastAPI does not parse.

    Returns:
        An OpenAPI operation object, without its summary.
    """
    file = {"schema": BINARY}
    other = {item.media_type: file for item in (PARQUET, ARROW)}
    formats = {CSV.media_type: _text(REQUEST_CSV), NDJSON.media_type: _text(REQUEST_NDJSON), **other}
    return {
        "requestBody": {"required": True, "content": formats},
        "responses": {
            "200": {
                "description": (
                    f"{', '.join(ANSWER_COLUMNS.names())}: a row for each row, in order, in the format of "
                    "the request or the one that `Accept` names. An answer that is cut off was not finished. "
                    "A price without `quote_id` could not be recorded."
                ),
                "content": {CSV.media_type: _text(ANSWER_CSV), NDJSON.media_type: file, **other},
            },
            "406": problem_response("`Accept` names other formats only."),
            "408": problem_response("The body stopped coming."),
            "413": problem_response(f"The body is larger than BATCH_LIMIT_MB, or over {MAX_ROWS:,} rows."),
            "415": problem_response("The body is declared as an unknown format, or as compressed."),
            "422": problem_response("The body is damaged, or has no column of a listing."),
            "507": problem_response("The disk of the service is full."),
            "503": problem_response("No model yet, two files are being priced, or the journal is behind."),
        },
    }


def _text(example: str) -> dict[str, object]:
    return {"schema": BINARY, "example": example}
