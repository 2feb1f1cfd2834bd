"""CSV and zip files: valid ones are read, and invalid ones are refused with a clear message."""

import hashlib
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from carvalue.errors import AppError
from carvalue.files.archives import ZipUnusable
from carvalue.listings.schema import RAW_COLUMNS
from carvalue.listings.sources.local_file import FileUnreadable, read_file
from carvalue.listings.sources.raw import ColumnsChanged, FileEmpty, NotUtf8, RawListings, SourceFailed

HEADER = ",".join(RAW_COLUMNS)
CSV = f"{HEADER}\n7301583321{',' * 25}\n"


def test_a_csv_is_read_in_place(tmp_path: Path) -> None:
    path = a_file(tmp_path / "mine.csv", CSV)

    raw = read_file(path, into=tmp_path / "into")

    assert raw == RawListings(
        path=path,
        kind="file",
        description="file mine.csv",
        fingerprint=f"sha256:{hashlib.sha256(CSV.encode()).hexdigest()}",
    )
    assert not (tmp_path / "into").exists()


@pytest.mark.parametrize("member", ["vehicles.csv", "archive/vehicles.csv", "cars.CSV"])
def test_a_zips_only_csv_is_unpacked(tmp_path: Path, member: str) -> None:
    path = a_zip(tmp_path, {member: CSV, "readme.txt": "hello", "__MACOSX/._vehicles.csv": "junk"})

    raw = read_file(path, into=tmp_path / "into")

    assert raw.path.read_text() == CSV
    assert [found.name for found in (tmp_path / "into").iterdir()] == ["vehicles.csv"]


def test_the_same_rows_have_the_same_fingerprint_zipped_or_not(tmp_path: Path) -> None:
    plain = read_file(a_file(tmp_path / "a.csv", CSV), into=tmp_path)
    zipped = read_file(a_zip(tmp_path, {"vehicles.csv": CSV}), into=tmp_path / "into")

    assert plain.fingerprint == zipped.fingerprint


def test_vehicles_csv_is_preferred_to_other_tables(tmp_path: Path) -> None:
    path = a_zip(tmp_path, {"notes.csv": "a,b\n", "vehicles.csv": CSV})

    assert read_file(path, into=tmp_path / "into").path.read_text() == CSV


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("empty.csv", b"", FileEmpty, "empty.csv is empty"),
        ("header.csv", f"{HEADER}\n".encode(), FileEmpty, "has a header and no rows"),
        (
            "latin.csv",
            f"{HEADER}\n1,caf\xe9".encode("latin-1"),
            NotUtf8,
            r"is not UTF-8: byte 209 \(line 2\) is 0xe9",
        ),
        (
            "cut.csv",
            f"{HEADER}\n1,".encode() + b"\xc3",
            NotUtf8,
            r"is not UTF-8: byte 206 \(line 2\) is 0xc3",
        ),
        (
            "renamed.csv",
            CSV.replace("odometer", "mileage").encode(),
            ColumnsChanged,
            "lacks column 'odometer', and has the unknown column 'mileage'",
        ),
        ("twice.csv", CSV.replace("id,url", "id,url,id").encode(), ColumnsChanged, "names column 'id' twice"),
        ("other.csv", b"a;b;c\n1;2;3\n", ColumnsChanged, "lacks columns 'id', 'url'"),
        ("huge.csv", b"x" * 200_000, ColumnsChanged, "has no readable header: field larger than"),
        ("blank.csv", f"{HEADER}\n\n \n".encode(), FileEmpty, "has a header and no rows"),
        ("text.zip", b"no zip at all", ZipUnusable, "cannot be unpacked: File is not a zip file"),
    ],
)
def test_an_invalid_file_is_refused(
    tmp_path: Path, name: str, content: bytes, error: type[AppError], message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(error, match=message):
        read_file(path, into=tmp_path / "into")


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({}, "holds no CSV: nothing"),
        ({"readme.txt": "hello"}, "holds no CSV: 'readme.txt'"),
        ({"a.csv": CSV, "b.csv": CSV}, "holds several CSV files: 'a.csv', 'b.csv'"),
        ({"x/vehicles.csv": CSV, "y/vehicles.csv": CSV}, "holds several CSV files"),
    ],
)
def test_a_zip_without_the_one_csv_is_refused(tmp_path: Path, members: dict[str, str], message: str) -> None:
    with pytest.raises(ZipUnusable, match=message):
        read_file(a_zip(tmp_path, members), into=tmp_path / "into")


@pytest.mark.parametrize("name", ["nowhere.csv", "nowhere.zip"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileUnreadable, match=f"{name} cannot be read: No such file") as caught:
        read_file(tmp_path / name, into=tmp_path / "into")

    assert "Check DATA_SOURCE" in str(caught.value)


def test_an_invalid_zip_keeps_the_earlier_file(tmp_path: Path) -> None:
    into = tmp_path / "into"
    read_file(a_zip(tmp_path, {"vehicles.csv": CSV}), into=into)

    for members in ({"vehicles.csv": "a,b\n1,2\n"}, {"vehicles.csv": ""}, {}):
        with pytest.raises(AppError):
            read_file(a_zip(tmp_path, members), into=into)

    assert [found.name for found in into.iterdir()] == ["vehicles.csv"]
    assert (into / "vehicles.csv").read_text() == CSV


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(at=273, junk=b"\xc8")  # zipfile raises OSError for an offset before the start
@given(at=st.integers(0, 400), junk=st.binary(min_size=1, max_size=8))
def test_a_damaged_zip_is_refused_or_gives_the_same_rows(tmp_path: Path, at: int, junk: bytes) -> None:
    path = a_zip(tmp_path, {"vehicles.csv": CSV})
    sound = path.read_bytes()
    path.write_bytes(sound[: at % len(sound)] + junk + sound[at % len(sound) + len(junk) :])

    try:
        raw = read_file(path, into=tmp_path / "into")
    except AppError:
        return

    assert raw.path.read_text() == CSV


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=300))
def test_any_text_is_refused_in_plain_words(tmp_path: Path, text: str) -> None:
    path = tmp_path / "any.csv"
    path.write_text(text)

    with pytest.raises(SourceFailed, match=r"any\.csv"):
        read_file(path, into=tmp_path)


def a_file(path: Path, content: str) -> Path:
    path.write_text(content)
    return path


def a_zip(folder: Path, members: dict[str, str]) -> Path:
    path = folder / "archive.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path
