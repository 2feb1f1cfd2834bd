"""Properties of cleaning for arbitrary cells: no crash, every row counted, and valid listings only."""

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carvalue.listings.cleaning.cleaner import CleaningReport, NoCleanListings, clean
from carvalue.listings.cleaning.parsing import RawUnreadable
from carvalue.listings.schema import FIELDS, PRICE, RAW_COLUMNS, CategoryField, NumberField
from factories import a_raw_row, write_raw

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TRAPS = st.sampled_from(
    [
        *(
            "",
            " ",
            "0",
            "-1",
            "1e9",
            "1e400",
            "nan",
            "inf",
            "-0.0",
            "abc",
            "0x1F",
            "1,5",
            '"',
            '""',
            "\n",
            "a\nb",
        ),
        *("\r\n", "\x00", "é", "\u2028", "9" * 40, "2014.0", "2021-04-28T16:50:33-0500", "NULL", "ford"),
    ]
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
CELLS = st.one_of(TRAPS, TEXT, st.integers().map(str), st.floats().map(str))
DIRT = st.dictionaries(st.sampled_from(RAW_COLUMNS), CELLS, max_size=len(RAW_COLUMNS))

calm = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def cleaned(folder: str, rows: list[dict[str, str]]) -> CleaningReport:
    # the anchor is sound, and earlier than any row made here by default: there is always a listing to keep
    anchor = a_raw_row(id=1, odometer=77_777, posting_date="2021-04-01T00:00:00+0000")
    raw = write_raw(Path(folder) / "vehicles.csv", [anchor, *rows])
    return clean(raw, into=Path(folder) / "clean", now=NOW)


@calm
@given(st.lists(DIRT, max_size=30))
def test_every_row_is_kept_or_rejected(dirt: list[dict[str, str]]) -> None:
    with TemporaryDirectory() as folder:
        report = cleaned(folder, [a_raw_row(id=i + 2) | cells for i, cells in enumerate(dirt)])

        assert report.read == 1 + len(dirt)
        assert report.kept + sum(report.rejected.values()) == report.read
        assert pl.read_parquet(report.rejects)["reason"].null_count() == 0


@calm
@given(st.lists(DIRT, max_size=30))
def test_what_is_kept_obeys_the_schema(dirt: list[dict[str, str]]) -> None:
    with TemporaryDirectory() as folder:
        report = cleaned(folder, [a_raw_row(id=i + 2) | cells for i, cells in enumerate(dirt)])
        listings = pl.read_parquet(report.listings)

        assert (
            listings.select("id", "posted_at", "car", "price", "year").null_count().sum_horizontal().item()
            == 0
        )
        assert listings["id"].is_unique().all()
        for field in (PRICE, *FIELDS):
            values = listings[field.name].drop_nulls()
            if isinstance(field, NumberField):
                assert values.is_between(field.minimum, field.maximum).all()
            elif isinstance(field, CategoryField) and not field.is_open:
                assert values.is_in(field.choices).all()
            else:
                assert (values == values.str.strip_chars().str.to_lowercase()).all()


@calm
@given(st.binary(max_size=300))
def test_bytes_below_the_header_never_crash(noise: bytes) -> None:
    with TemporaryDirectory() as folder:
        raw = write_raw(Path(folder) / "vehicles.csv", [a_raw_row()])
        with raw.open("ab") as file:
            file.write(noise)
        try:
            report = clean(raw, into=Path(folder) / "clean", now=NOW)
        except NoCleanListings:
            return
        except RawUnreadable:
            assert b'"' in noise  # an unclosed quote: where its record ends cannot be known
            return
        assert report.kept + sum(report.rejected.values()) == report.read


@calm
@given(st.permutations(range(12)))
def test_the_order_of_the_rows_does_not_matter(order: list[int]) -> None:
    rows = [a_raw_row(id=i // 2, price=5_000 + i % 3, odometer=30_001 + i // 4) for i in range(12)]
    with TemporaryDirectory() as folder, TemporaryDirectory() as other:
        report, shuffled = cleaned(folder, rows), cleaned(other, [rows[i] for i in order])

        assert shuffled.rejected == report.rejected
        assert _sorted(shuffled).equals(_sorted(report))


def _sorted(report: CleaningReport) -> pl.DataFrame:
    return pl.read_parquet(report.listings).sort("id")
