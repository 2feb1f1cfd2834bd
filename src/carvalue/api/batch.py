"""Files of listings and of quotes: `POST /predict/batch`."""

CSV = "text/csv"
NDJSON = "application/x-ndjson"
PARQUET = "application/vnd.apache.parquet"
ARROW = "application/vnd.apache.arrow.stream"
MEDIA_TYPES = (CSV, NDJSON, PARQUET, ARROW)
"""Formats of requests and answers."""
ANSWER_COLUMNS = (
    *("price", "low", "high", "currency", "model_version", "data_as_of", "support_grade", "warnings"),
    *("quote_id", "reason"),
)
"""Columns of an answer: a quote, or the reason why there is none."""
REQUEST_CSV = (
    "make,model,year,odometer,my_number\nford,f-150 xlt,2015,80000,17\nford,f-150 xlt,next,80000,18\n"
)
REQUEST_NDJSON = (
    '{"make": "ford", "model": "f-150 xlt", "year": 2015, "odometer": 80000}\n'
    '{"make": "toyota", "model": "camry le", "year": 2012}\n'
)
ANSWER_CSV = (
    ",".join(ANSWER_COLUMNS)
    + "\n22450,18900,26100,USD,3,2021-05-04,many,,0199a1b2c3d4e5f60718293a4b5c6d7e,\n"
    + ",,,,,,,,,year next: expected a whole number\n"
)
