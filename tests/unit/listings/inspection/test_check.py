"""A check of a file says in seconds what training would find out later."""

import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from carvalue.listings.datasets import gate_requirements
from carvalue.listings.inspection import DataCheck, check_data
from carvalue.listings.sources.column_mapping import ColumnMapping
from carvalue.listings.sources.raw import SourceFailed
from daily_files import daily_rows, final_rows, write_days
from factories import a_raw_row, write_raw

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HEADER = "inserat;marke;model;baujahr;kilometer;preis;datum;state;leistung;schiebedach;notiz"


def german(folder: Path, *, encoding: str = "utf-8") -> Path:
    lines = [HEADER]
    for number in range(200):
        state = ("DE", "AT", "NL", "DE")[number % 4]
        cells = (f"A-{number}", "Škoda", "Octavia", 2010 + number % 9, f"{40 + number}.000", 9_000 + number)
        more = ("01.02.2024", state, 60 + number % 40, ("ja", "nein")[number % 2], f"text {number}")
        lines.append(";".join(map(str, (*cells, *more))))
    path = folder / "autos.csv"
    path.write_bytes("\n".join(lines).encode(encoding))
    return path


def checked(folder: Path, path: Path, mapping: ColumnMapping | None = None) -> DataCheck:
    return check_data(path, scratch=folder, mapping=mapping, now=NOW)


def test_a_file_of_the_market_is_recognized(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "vehicles.csv", [a_raw_row(), a_raw_row(id=2, price="1")])

    found = checked(tmp_path, path)

    assert (found.read, found.kept, found.missing, found.draft) == (2, 1, (), "")
    (rejected,) = found.rejected
    assert (rejected.reason, rejected.rows, rejected.examples) == ("price out of range", 1, ("1",))


def test_columns_of_another_file_are_found_by_their_names(tmp_path: Path) -> None:
    header = "Make,Model,Model Year,Mileage (mi),Asking Price,Date,Seats"
    row = "ford,f-150,2015,80000,23500,2021-04-01,5"
    (tmp_path / "cars.csv").write_text(f"{header}\n{row}\n", encoding="utf-8")

    found = checked(tmp_path, tmp_path / "cars.csv")

    assert found.columns == {
        "manufacturer": "Make", "model": "Model", "year": "Model Year", "odometer": "Mileage (mi)",
        "posting_date": "Date", "price": "Asking Price",
    }  # fmt: skip
    assert found.kept == 1
    assert '[columns]\nmanufacturer = "Make"' in found.draft
    assert 'date_format = "%Y-%m-%d"' in found.draft


def test_false_friends_are_named_and_a_description_is_drafted(tmp_path: Path) -> None:
    path = german(tmp_path)
    columns = {"posting_date": "datum", "manufacturer": "marke", "model": "model", "year": "baujahr"}
    columns |= {"price": "preis", "odometer": "kilometer", "state": "state", "id": "inserat"}

    mapped = checked(
        tmp_path, path, ColumnMapping(name="x", separator=";", columns=columns, date_format="%d.%m.%Y")
    )
    unknown = checked(tmp_path, path)

    text = "\n".join(mapped.suspicious)
    assert "odometer: 200 values such as '40.000' may mean thousands or decimals" in text
    assert "state: 50 of 200 values are unknown" not in text
    assert "state: 100 of 200 values are unknown and read as missing: 'AT', 'NL'" in text
    assert "'DE' as 'de' of the United States would be wrong" in text
    assert mapped.kept == 0
    assert mapped.rejected[0].reason == "odometer unreadable"
    assert unknown.missing == ("price", "manufacturer", "year")
    assert 'name = "leistung"\nkind = "number"' in unknown.draft
    assert 'name = "schiebedach"\nkind = "flag"' in unknown.draft
    assert "notiz" not in unknown.draft.split("[[fields]]", 1)[1]


def test_the_draft_for_an_unknown_language_shows_examples_and_guesses_formats(tmp_path: Path) -> None:
    header = "marca;modelo;año;kilómetros;precio;publicado"
    row = "Ford;Transit;2014;113.103;7.050 €;19/03/2025"
    (tmp_path / "vans.csv").write_text(f"{header}\n{row}\n", encoding="utf-8")

    draft = checked(tmp_path, tmp_path / "vans.csv").draft

    assert 'decimal = ","' in draft
    assert 'date_format = "%d/%m/%Y"' in draft
    assert '# ... = "precio"  # such as 7.050 €' in draft


def test_an_encoding_other_than_utf8_is_reported(tmp_path: Path) -> None:
    found = checked(tmp_path, german(tmp_path, encoding="iso8859-2"))

    assert "not UTF-8 (byte" in found.suspicious[0]


def test_gates_that_the_listings_cannot_meet_are_named(tmp_path: Path) -> None:
    rows = [a_raw_row(id=i, odometer=50_000 + 7 * i, title_status="", condition="good") for i in range(10)]
    found = checked(tmp_path, write_raw(tmp_path / "vehicles.csv", rows))

    assert found.listings is not None
    text = "\n".join(gate_requirements(found.listings))
    assert "enough data: about 7 train rows (at least 1,000)" in text
    assert "a salvage title lowers prices (no listing states its title)" in text
    assert "fair is below excellent (no listing has the condition fair or excellent)" in text


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("", encoding="utf-8")

    with pytest.raises(SourceFailed, match="is not a readable CSV"):
        checked(tmp_path, tmp_path / "empty.csv")


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".ndjson", ".csv.gz"])
def test_daily_files_are_checked_as_they_are_trained_on(tmp_path: Path, suffix: str) -> None:
    days = daily_rows(final_rows(tmp_path))
    days[1] = days[1].drop("url")
    paths = write_days(days, tmp_path / "days", suffix=suffix)

    found = check_data(str(tmp_path / "days"), scratch=tmp_path, now=datetime(2026, 6, 1, tzinfo=UTC))

    rejected = {item.reason: item.rows for item in found.rejected}
    assert found.files == tuple(path.name for path in paths)
    assert found.read == sum(rows.height for rows in days)
    assert (rejected["corrected in a later file"], rejected["deleted by its source"]) == (70, 80)
    assert (found.missing, found.draft) == ((), "")
    assert [text for text in found.suspicious if "lacks" in text] == [f"{paths[1].name} lacks 'url'"]


def test_daily_files_with_other_columns_are_checked_too(tmp_path: Path) -> None:
    (tmp_path / "days").mkdir()
    german(tmp_path / "days")
    with zipfile.ZipFile(tmp_path / "days" / "b.zip", "w") as archive:
        archive.write(tmp_path / "days" / "autos.csv")

    found = check_data(tmp_path / "days", scratch=tmp_path, now=NOW)

    assert (found.read, found.columns["model"]) == (400, "model")
    assert "[columns]" in found.draft
