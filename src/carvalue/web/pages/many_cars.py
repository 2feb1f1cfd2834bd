"""Many cars: adds prices to an uploaded file."""

from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import streamlit as st
from polars.exceptions import PolarsError

from carvalue.errors import AppError
from carvalue.files.tabular import UploadUnreadable, convert_in_sandbox
from carvalue.listings import FIELD_BY_NAME, FIELDS, Listing, NumberField, parse_number
from carvalue.settings import PageSettings, load_settings
from carvalue.web.client import ListingRejected, PriceServiceClient, QuoteView, price_service_client
from carvalue.web.components import escape_markdown, show_table, spreadsheet_csv, unused_name

MAX_ROWS = 20_000  # `carvalue score` prices larger files
BATCH_ROWS = 200  # listings in a request
MAKE = "make"  # another name for the column `manufacturer`
ANSWER_COLUMNS = ("price", "low", "high", "warnings", "problem")
EXAMPLE = "manufacturer,model,year,odometer,condition\nford,f-150 xlt,2015,80000,good\n"


class UnreadableFile(AppError):
    """The uploaded file is not a table of cars."""

    status = 422
    hint = "The first line must hold column names, such as manufacturer, model, year, odometer."


def show_many_cars() -> None:
    """Show the page."""
    st.title("Many cars")
    names = ", ".join(field.name for field in FIELDS)
    st.write(
        f"Upload a CSV or Parquet file with one car in each row. Columns that are used: {names}. All columns "
        "of your file are kept. If it already has a column such as *price*, ours is named *carvalue_price*."
    )
    st.download_button("Download an example", EXAMPLE, file_name="cars.csv", mime="text/csv")
    file = st.file_uploader("Your file", type=["csv", "parquet"])
    if file is None:
        return
    try:
        table = read_table(file.name, file.getvalue())
        answers = _answers(table)
    except AppError as error:
        st.error(str(error))
        st.button("Try again", icon=":material/refresh:")  # the uploaded file is kept
        return
    _show(table, answers)


def read_table(name: str, content: bytes) -> pl.DataFrame:
    """Read an uploaded file.

    Args:
        name: Its file name; the suffix .parquet means Parquet, any other CSV.
        content: Its bytes.

    Returns:
        The columns of the file; those of a CSV are texts.

    Raises:
        UnreadableFile: It is damaged, has no make column or too many rows.
    """
    try:
        is_parquet = name.endswith(".parquet")
        table = _parquet(content) if is_parquet else _csv(content)
    except (PolarsError, UnicodeDecodeError, UploadUnreadable) as error:
        reason = str(error).splitlines()[0]
        raise UnreadableFile(f"{name} cannot be read as a table: {reason}.") from error
    if not {"manufacturer", MAKE} & set(table.columns):
        raise UnreadableFile(f"{name} has no column 'manufacturer'; it has {', '.join(table.columns[:8])}.")
    if len(table) > MAX_ROWS:
        raise UnreadableFile(f"{name} has too many rows: this page prices at most {MAX_ROWS:,}.")
    return table


def _csv(content: bytes) -> pl.DataFrame:
    return pl.read_csv(BytesIO(content), infer_schema=False, n_rows=MAX_ROWS + 1)


def _parquet(content: bytes) -> pl.DataFrame:
    """Read an uploaded Parquet file in a subprocess, because a damaged one can crash the reader."""
    with TemporaryDirectory() as folder:
        upload, table = Path(folder) / "upload.parquet", Path(folder) / "table.parquet"
        upload.write_bytes(content)
        convert_in_sandbox(upload, into=table)
        return pl.read_parquet(table, n_rows=MAX_ROWS + 1)


def listings_from_rows(table: pl.DataFrame) -> list[Listing]:
    """Convert each row of a table to a listing.

    Args:
        table: Columns of the listing schema, any number of them; other columns are ignored. A column `make`
            is read where there is no `manufacturer`.

    Returns:
        A listing for each row, without empty cells. A number that cannot be read stays a text, which the
        service rejects.

    Examples:
        >>> table = pl.DataFrame({"make": ["ford"], "year": ["2015"], "odometer": ["80k"], "note": ["red"]})
        >>> listings_from_rows(table)
        [{'year': 2015, 'odometer': 80000, 'manufacturer': 'ford'}]
    """
    columns = {field.name: field.name for field in FIELDS if field.name in table.columns}
    if "manufacturer" not in columns and MAKE in table.columns:
        columns["manufacturer"] = MAKE
    cells = table.select(pl.col(column).alias(name) for name, column in columns.items())
    return [_listing(row) for row in cells.to_dicts()]


def _listing(row: Mapping[str, object]) -> Listing:
    known = {name: value for name, value in row.items() if value not in (None, "")}
    return {
        name: _number(value) if isinstance(FIELD_BY_NAME[name], NumberField) else str(value)
        for name, value in known.items()
    }


def price_all(client: PriceServiceClient, listings: Sequence[Listing]) -> Iterator[QuoteView | str]:
    """Price listings in batches.

    Args:
        client: The price service.
        listings: The cars.

    Yields:
        For each listing, in order, its quote or the reason why it cannot be priced.

    Raises:
        ServiceDown, ModelNotReady: The service gives no quotes.
    """
    for start in range(0, len(listings), BATCH_ROWS):
        batch = listings[start : start + BATCH_ROWS]
        try:
            yield from client.quotes(batch)
        except ListingRejected:
            yield from (_quote_or_reason(client, listing) for listing in batch)


def _quote_or_reason(client: PriceServiceClient, listing: Listing) -> QuoteView | str:
    try:
        return client.quote(listing)
    except ListingRejected as error:
        reasons = (f"{field}: expected {text}" for field, text in error.expected.items())
        return "; ".join(reasons) or error.message


def _number(value: object) -> str | float | int:
    text = str(value)
    number = parse_number(text)
    return text if number is None else number


def with_answers(table: pl.DataFrame, answers: Sequence[QuoteView | str]) -> pl.DataFrame:
    """Add the answers as columns; a column of the file keeps its name and its values.

    Args:
        table: The uploaded table, any columns.
        answers: For each row a quote, or the reason why there is none.

    Returns:
        The columns of the table, then price, low, high (whole dollars), warnings and problem (texts). Where
        the table has a column of that name, the added one is named carvalue_price, carvalue_low and so on.
    """
    names = answer_names(table.columns)
    quotes = [answer if isinstance(answer, QuoteView) else None for answer in answers]
    return table.with_columns(
        pl.Series(names["price"], [quote and quote.price for quote in quotes], dtype=pl.Int64),
        pl.Series(names["low"], [quote and quote.low for quote in quotes], dtype=pl.Int64),
        pl.Series(names["high"], [quote and quote.high for quote in quotes], dtype=pl.Int64),
        pl.Series(names["warnings"], ["; ".join(quote.warnings) if quote else "" for quote in quotes]),
        pl.Series(names["problem"], ["" if isinstance(answer, QuoteView) else answer for answer in answers]),
    )


def answer_names(columns: Sequence[str]) -> dict[str, str]:
    """Choose names for the added columns that no column of the file has.

    Args:
        columns: Column names of the file.

    Returns:
        The column name for each of price, low, high, warnings and problem.

    Examples:
        >>> answer_names(["manufacturer", "model", "year", "Price"])["price"]
        'carvalue_price'
    """
    taken = [name.strip().lower() for name in columns]
    return {
        answer: unused_name(f"carvalue_{answer}", taken=taken) if answer in taken else answer
        for answer in ANSWER_COLUMNS
    }


def _answers(table: pl.DataFrame) -> list[QuoteView | str]:
    listings = listings_from_rows(table)
    bar, answers = st.progress(0.0, "Pricing ..."), []
    for answer in price_all(price_service_client(load_settings(PageSettings).service_url), listings):
        answers.append(answer)
        if len(answers) % BATCH_ROWS == 0 or len(answers) == len(listings):
            bar.progress(len(answers) / len(listings), f"{len(answers):,} of {len(listings):,} cars")
    return answers


def _show(table: pl.DataFrame, answers: Sequence[QuoteView | str]) -> None:
    priced, names = with_answers(table, answers), answer_names(table.columns)
    added, problem = list(names.values()), names["problem"]
    rejected = priced.filter(pl.col(problem) != "")
    st.success(f"{len(priced) - len(rejected):,} of {len(priced):,} cars priced.")
    show_table(priced.select(*added, pl.exclude(*added)))
    st.download_button(
        "Download with prices",
        spreadsheet_csv(priced),
        file_name="priced.csv",
        mime="text/csv",
        type="primary",
    )
    if len(rejected):
        rows = "1 row" if len(rejected) == 1 else f"{len(rejected):,} rows"
        st.warning(f"{rows} could not be priced; the column *{escape_markdown(problem)}* gives the reason.")
        show_table(rejected.select(problem, pl.exclude(*added)))
