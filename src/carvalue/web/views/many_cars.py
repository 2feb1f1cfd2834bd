"""Many cars: adds prices to an uploaded file, as a job that survives a visit to another page."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl
import streamlit as st

from carvalue.client import PriceServiceClient
from carvalue.errors import AppError
from carvalue.listings import CURRENCY, FIELD_BY_NAME, FIELDS, MARKET, PRICE, REQUIRED_FIELDS
from carvalue.settings import PageSettings, load_settings
from carvalue.web.client import current_visitor
from carvalue.web.components import escape_markdown, show_table, spreadsheet_csv
from carvalue.web.uploads import (
    ASKING,
    MAX_ROWS,
    PROBLEM,
    SUFFIXES,
    VIN,
    ColumnMapping,
    PricingJob,
    answer_names,
    asking_prices,
    guess_mapping,
    listings_from_rows,
    read_table,
    with_answers,
)

AMOUNTS = {"USD": "dollar", "EUR": "euro", "JPY": "yen"}  # formats that Streamlit knows
_EXAMPLE = {**MARKET.examples[0], PRICE.name: round(0.235 * PRICE.maximum)}
EXAMPLE = "\n".join(",".join(map(str, row)) for row in (_EXAMPLE, _EXAMPLE.values())) + "\n"
REFRESH_S = 0.5
SHOWN_ROWS = 10_000  # the browser gets no more; the download has all
PREVIEW_ROWS = 3
NO_COLUMN = "(no such column)"
ORDERS: Mapping[str, bool | None] = {
    "As in the file": None,
    "Most overpriced": True,
    "Most underpriced": False,
}
UPLOAD = "upload"  # key in the session, where it survives a visit to another page


@dataclass(kw_only=True)
class Upload:
    """An uploaded file of this visitor.

    Attributes:
        file_id: Identifies the uploaded file.
        name: Its file name.
        table: Its rows.
        mapping: Which column holds which field.
        job: The pricing; None before it starts.
    """

    file_id: str
    name: str
    table: pl.DataFrame
    mapping: ColumnMapping
    job: PricingJob | None = None


def show_many_cars() -> None:
    """Show the page."""
    st.title(f"Many {MARKET.vehicles}")
    st.write(
        f"Upload a table with one {MARKET.vehicle} in each row: CSV (any delimiter and encoding), Excel "
        f"or Parquet, up to {MAX_ROWS:,} rows. All columns of your file are kept, and your own prices "
        "are rated."
    )
    st.download_button("Download an example", EXAMPLE, file_name="cars.csv", mime="text/csv")
    file = st.file_uploader("Your file", type=list(SUFFIXES))
    upload: Upload | None = st.session_state.get(UPLOAD)
    if file is not None and (upload is None or upload.file_id != file.file_id):
        upload = _read(file.file_id, file.name, file.getvalue())
    if upload is None:
        return
    st.markdown(f"**{escape_markdown(upload.name)}**, {len(upload.table):,} rows")
    _show_mapping(upload)
    if upload.job is None:
        return
    if upload.job.is_done:
        _show_result(upload, upload.job)
    else:
        _show_progress(upload.job)


def _read(file_id: str, name: str, content: bytes) -> Upload | None:
    previous: Upload | None = st.session_state.pop(UPLOAD, None)
    if previous is not None and previous.job is not None:
        previous.job.cancel()
    try:
        table = read_table(name, content)
    except AppError as error:
        st.error(str(error))
        return None
    upload = Upload(file_id=file_id, name=name, table=table, mapping=guess_mapping(table.columns))
    if not _missing(upload.mapping):
        _start(upload)
    st.session_state[UPLOAD] = upload
    return upload


def _missing(mapping: ColumnMapping) -> list[str]:
    return [] if VIN in mapping else [name for name in REQUIRED_FIELDS if name not in mapping]


def _start(upload: Upload) -> None:
    settings, visitor = load_settings(PageSettings), current_visitor()
    if upload.job is not None:
        upload.job.cancel()
    known = upload.table[PROBLEM].to_list() if PROBLEM in upload.table.columns else [""] * len(upload.table)
    client = PriceServiceClient(
        settings.service_url, headers=settings.service_headers, visitor=lambda: visitor
    )
    upload.job = PricingJob(client, listings_from_rows(upload.table, upload.mapping), known)


def _show_mapping(upload: Upload) -> None:
    """Show which column holds which field, with a preview; a change prices the file again."""
    missing = _missing(upload.mapping)
    if missing:
        labels = ", ".join(FIELD_BY_NAME[name].label.lower() for name in missing)
        st.warning(f"Which column has the {labels}? Choose it below.")
    with st.expander("Columns", expanded=bool(missing)):
        show_table(upload.table.head(PREVIEW_ROWS))
        chosen: dict[str, str] = {}
        names = [*(field.name for field in FIELDS), ASKING, VIN]
        for start in range(0, len(names), 4):
            for name, column in zip(names[start : start + 4], st.columns(4), strict=False):
                label = FIELD_BY_NAME[name].label if name in FIELD_BY_NAME else name.capitalize()
                options = [NO_COLUMN, *upload.table.columns]
                place = options.index(upload.mapping.get(name, NO_COLUMN))
                picked = column.selectbox(
                    "VIN" if name == VIN else label, options, index=place, key=f"map {upload.file_id} {name}"
                )
                if picked != NO_COLUMN:
                    chosen[name] = picked
        if st.button("Price with these columns", type="primary", disabled=bool(_missing(chosen))):
            upload.mapping = chosen
            _start(upload)
            st.rerun()


@st.fragment(run_every=REFRESH_S)
def _show_progress(job: PricingJob) -> None:
    if job.is_done:
        st.rerun()
    done = len(job.answers)
    remaining = "" if job.remaining_s is None else f", about {job.remaining_s:,.0f} s left"
    st.progress(
        done / job.rows,
        f"{done:,} of {job.rows:,} {MARKET.vehicles} priced ({done / job.rows:.0%}){remaining}",
    )
    if job.failure:
        st.error(job.failure)
        if st.button("Try again", icon=":material/refresh:"):
            job.resume()
    else:
        st.caption("You can visit other pages meanwhile; the result will be here.")


def _show_result(upload: Upload, job: PricingJob) -> None:
    table = upload.table.drop(PROBLEM, strict=False)
    asking = asking_prices(table, upload.mapping)
    priced, names = with_answers(table, job.answers, asking), answer_names(table.columns)
    added, problem = list(names.values()), names["problem"]
    rejected = priced.filter(pl.col(problem) != "")
    count = len(priced) - len(rejected)
    (st.success if count else st.error)(f"{count:,} of {len(priced):,} {MARKET.vehicles} priced.")
    order = st.segmented_control("Order", list(ORDERS), default="As in the file") if any(asking) else None
    descending = ORDERS.get(order or "")
    if descending is not None:
        priced = priced.sort(names["difference"], descending=descending, nulls_last=True)
    money = st.column_config.NumberColumn(format=AMOUNTS.get(CURRENCY.code, "localized"))
    show_table(
        priced.select(*added, pl.exclude(*added)).head(SHOWN_ROWS),
        column_config={names[name]: money for name in ("price", "low", "high", "difference")},
    )
    if len(priced) > SHOWN_ROWS:
        st.caption(f"The first {SHOWN_ROWS:,} rows are shown; the download has all.")
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
        show_table(rejected.select(problem, pl.exclude(*added)).head(SHOWN_ROWS))
