"""Fetching raw listings from every source that needs no network."""

import hashlib
from pathlib import Path

import pytest

from carvalue.listings.sources.fetch import (
    CannotStore,
    GeneratedDataRefused,
    RawListings,
    SampleRequest,
    fetch_listings,
)
from carvalue.listings.sources.kaggle import KaggleRequest
from carvalue.listings.sources.local_file import FileUnreadable
from carvalue.listings.synthetic.writer import write_sample

KAGGLE = KaggleRequest(dataset="somebody/something")
SAMPLE = SampleRequest(rows=1_000, seed=3)


def test_the_sample_describes_itself(tmp_path: Path) -> None:
    raw = fetch_listings(source="sample", into=tmp_path / "raw", kaggle=KAGGLE, sample=SAMPLE)

    assert raw == RawListings(
        path=tmp_path / "raw" / "sample.csv",
        kind="sample",
        description="bundled sample 1: 1,000 rows of seed 3",
        fingerprint=f"sha256:{hashlib.sha256(raw.path.read_bytes()).hexdigest()}",
    )


def test_the_sample_is_refused_where_generated_data_are(tmp_path: Path) -> None:
    with pytest.raises(GeneratedDataRefused, match="Generated ones are refused") as refused:
        fetch_listings(source="sample", into=tmp_path, kaggle=KAGGLE, sample=None)

    assert "GENERATED_DATA=accept" in refused.value.hint
    assert not list(tmp_path.iterdir())


def test_the_same_sample_has_the_same_fingerprint(tmp_path: Path) -> None:
    one, two = (
        fetch_listings(source="sample", into=tmp_path / name, kaggle=KAGGLE, sample=SAMPLE)
        for name in ("one", "two")
    )

    assert one.fingerprint == two.fingerprint


def test_a_path_is_read_as_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    write_sample(path, rows=1_000)

    raw = fetch_listings(source=str(path), into=tmp_path / "raw", kaggle=KAGGLE, sample=SAMPLE)

    assert (raw.path, raw.kind) == (path, "file")


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable, match=r"gone\.csv"):
        fetch_listings(source=str(tmp_path / "gone.csv"), into=tmp_path / "raw", kaggle=KAGGLE, sample=SAMPLE)


def test_a_folder_with_the_name_of_a_source_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sample").mkdir()

    raw = fetch_listings(source="sample", into=tmp_path / "raw", kaggle=KAGGLE, sample=SAMPLE)

    assert raw.kind == "sample"


@pytest.mark.parametrize("source", ["sample", "auto", "kaggle"])
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, source: str) -> None:
    (tmp_path / "raw").write_text("a file where the folder should be")

    with pytest.raises(CannotStore, match=r"cannot be written to .*raw: File exists") as caught:
        fetch_listings(source=source, into=tmp_path / "raw", kaggle=KAGGLE, sample=SAMPLE)

    assert "STATE_DIR" in str(caught.value)
