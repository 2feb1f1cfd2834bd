"""Many cars: a file in, the same file with prices out."""

from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import streamlit as st
from polars.exceptions import PolarsError

from carvalue.errors import AppError
from carvalue.files.tabular import UploadUnreadable, convert_in_sandbox
from carvalue.listings import FIELD_BY_NAME, FIELDS, Listing, NumberField
from carvalue.settings import load_settings
from carvalue.web.client import ListingRejected, PriceServiceClient, QuoteView, price_service_client
from carvalue.web.components import show_table, spreadsheet_csv

MOST_ROWS = 20_000  # more is work for `carvalue score`
AT_ONCE = 200
ANSWERS = ("price", "low", "high", "warnings", "problem")
EXAMPLE = "manufacturer,model,year,odometer,condition\nford,f-150 xlt,2015,80000,good\n"


class UnreadableFile(AppError):
    """A file that is no table of cars."""

    status = 422
    hint = "The first line must name columns, such as manufacturer, model, year, odometer."


def show_many_cars() -> None:
    """Draw the page."""
    st.title("Many cars")
    names = ", ".join(field.name for field in FIELDS)
    st.write(
        f"A CSV or Parquet file with one car a row. Columns that help: {names}. Others are kept as they are."
    )
    st.download_button("An example", EXAMPLE, file_name="cars.csv", mime="text/csv")
    file = st.file_uploader("Your file", type=["csv", "parquet"])
    if file is None:
        return
    try:
        table = read_table(file.name, file.getvalue())
        priced = _priced(table)
    except AppError as error:
        st.error(str(error))
        st.button("Try again", icon=":material/refresh:")  # the file is still there
        return
    _show(priced)


def read_table(name: str, content: bytes) -> pl.DataFrame:
    """Read an uploaded file.

    Raises:
        UnreadableFile: says what is wrong with it.
    """
    try:
        is_parquet = name.endswith(".parquet")
        table = _parquet(content) if is_parquet else pl.read_csv(BytesIO(content), infer_schema=False)
    except (PolarsError, UnicodeDecodeError, UploadUnreadable) as error:
        reason = str(error).splitlines()[0]
        raise UnreadableFile(f"{name} cannot be read as a table: {reason}.") from error
    if not {"manufacturer", "make"} & set(table.columns):
        raise UnreadableFile(f"{name} has no column 'manufacturer'; it has {', '.join(table.columns[:8])}.")
    if len(table) > MOST_ROWS:
        raise UnreadableFile(f"{name} has too many rows: at most {MOST_ROWS:,} are priced here.")
    return table.rename({"make": "manufacturer"}, strict=False)


def _parquet(content: bytes) -> pl.DataFrame:
    """Read Parquet that a visitor sent; a damaged one may end the process that reads it: not ours."""
    with TemporaryDirectory() as folder:
        upload, table = Path(folder) / "upload.parquet", Path(folder) / "table.parquet"
        upload.write_bytes(content)
        convert_in_sandbox(upload, into=table)
        return pl.read_parquet(table, n_rows=MOST_ROWS + 1)


def listings_from_rows(table: pl.DataFrame) -> list[Listing]:
    """Give each row as a listing; what is no number is left for the service to refuse."""
    names = [field.name for field in FIELDS if field.name in table.columns]
    return [_listing(row) for row in table.select(names).to_dicts()]


def _listing(row: Mapping[str, object]) -> Listing:
    told = {name: value for name, value in row.items() if value not in (None, "")}
    return {
        name: _number(value) if isinstance(FIELD_BY_NAME[name], NumberField) else str(value)
        for name, value in told.items()
    }


def price_all(client: PriceServiceClient, listings: Sequence[Listing]) -> Iterator[QuoteView | str]:
    """Give a quote for each listing, in order, or the reason why there is none.

    Raises:
        ServiceDown, NotReady: the service is away.
    """
    for start in range(0, len(listings), AT_ONCE):
        batch = listings[start : start + AT_ONCE]
        try:
            yield from client.quotes(batch)
        except ListingRejected:
            yield from (_one(client, listing) for listing in batch)


def _one(client: PriceServiceClient, listing: Listing) -> QuoteView | str:
    try:
        return client.quote(listing)
    except ListingRejected as error:
        wrong = (f"{field}: expected {text}" for field, text in error.expected.items())
        return "; ".join(wrong) or error.message


def _number(value: object) -> str | float | int:
    try:
        amount = float(str(value).replace(",", ""))
    except ValueError:
        return str(value)
    return int(amount) if amount.is_integer() else amount


def _priced(table: pl.DataFrame) -> pl.DataFrame:
    listings = listings_from_rows(table)
    bar, answers = st.progress(0.0, "Pricing ..."), []
    for answer in price_all(price_service_client(load_settings().service_url), listings):
        answers.append(answer)
        if len(answers) % AT_ONCE == 0 or len(answers) == len(listings):
            bar.progress(len(answers) / len(listings), f"{len(answers):,} of {len(listings):,} cars")
    quotes = [answer if isinstance(answer, QuoteView) else None for answer in answers]
    return table.with_columns(
        pl.Series("price", [quote and quote.price for quote in quotes], dtype=pl.Int64),
        pl.Series("low", [quote and quote.low for quote in quotes], dtype=pl.Int64),
        pl.Series("high", [quote and quote.high for quote in quotes], dtype=pl.Int64),
        pl.Series("warnings", ["; ".join(quote.warnings) if quote else "" for quote in quotes]),
        pl.Series("problem", ["" if isinstance(answer, QuoteView) else answer for answer in answers]),
    )


def _show(priced: pl.DataFrame) -> None:
    bad = priced.filter(pl.col("problem") != "")
    st.success(f"{len(priced) - len(bad):,} of {len(priced):,} cars priced.")
    shown = [*ANSWERS, *(name for name in priced.columns if name not in ANSWERS)]
    show_table(priced.select(shown))
    st.download_button(
        "Download with prices",
        spreadsheet_csv(priced),
        file_name="priced.csv",
        mime="text/csv",
        type="primary",
    )
    if len(bad):
        rows = "1 row" if len(bad) == 1 else f"{len(bad):,} rows"
        st.warning(f"{rows} could not be priced; the column *problem* says why.")
        show_table(bad.select("problem", pl.exclude(*ANSWERS)))
