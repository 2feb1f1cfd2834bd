"""Copy quotes of the journal with their sales and ratings to one file."""

from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import select

from carvalue.errors import AppError
from carvalue.files import atomic_write
from carvalue.journal.archive.frames import fingerprint, table_schema, write_rows
from carvalue.journal.retention import first_id_of
from carvalue.journal.schema import FEEDBACK, QUOTES, RATINGS
from carvalue.journal.store import Journal

SUFFIXES = (".csv", ".ndjson", ".parquet")
SALE = {"sale_price": FEEDBACK.c.sale_price, "sold_at": FEEDBACK.c.told_at, "sale_client": FEEDBACK.c.client}
RATING = {"rating": RATINGS.c.rating, "rated_at": RATINGS.c.rated_at}


class WrongExportSuffix(AppError):
    """The file has no suffix that names a format."""

    status, hint = 422, f"Expected a name that ends in one of {', '.join(SUFFIXES)}."


def export_quotes(journal: Journal, target: Path, *, start: date, end: date) -> int:
    """Write the quotes of some days to a file, each with its sale and its rating; the journal is unchanged.

    Args:
        journal: The journal.
        target: The file, .csv, .ndjson or .parquet; the listing is JSON text in one column.
        start: The first day, in UTC.
        end: The day after the last one.

    Returns:
        The number of quotes.

    Raises:
        WrongExportSuffix: The file has another suffix.
        JournalUnavailable: The database does not answer.
        OSError: The file cannot be written.
    """
    if target.suffix not in SUFFIXES:
        raise WrongExportSuffix(f"{target} cannot be written: its format is not known.")
    added = {**SALE, **RATING}
    quote_id = QUOTES.c.quote_id
    query = (
        select(QUOTES, *(column.label(name) for name, column in added.items()))
        .outerjoin(FEEDBACK, FEEDBACK.c.quote_id == quote_id)
        .outerjoin(RATINGS, RATINGS.c.quote_id == quote_id)
        .where(quote_id >= first_id_of(start), quote_id < first_id_of(end))
        .order_by(quote_id)
    )
    joined = {**table_schema(FEEDBACK), **table_schema(RATINGS)}
    schema = {**table_schema(QUOTES), **{name: joined[column.name] for name, column in added.items()}}
    with TemporaryDirectory() as scratch, atomic_write(target) as temporary:
        rows = write_rows(journal, query, schema=schema, into=Path(scratch) / "chunks")
        match target.suffix:
            case ".parquet":
                rows.sink_parquet(temporary)
            case ".ndjson":
                rows.sink_ndjson(temporary)
            case _:
                rows.sink_csv(temporary)
        return fingerprint(rows)[0]
