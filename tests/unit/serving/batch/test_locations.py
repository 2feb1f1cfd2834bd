"""Files of a folder or a bucket are scored one by one, and only once for a model."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import boto3
import polars as pl
import pytest

from buckets import fake_s3, new_bucket
from carvalue.files.tabular.tables import TableUnreadable
from carvalue.pricing import PriceModel, score_file
from carvalue.serving.batch import LocationScore, score_location
from carvalue.serving.batch.locations import TargetRefused
from factories import raw_rows, write_raw
from markets import a_bundle


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> PriceModel:
    return PriceModel.load(a_bundle(tmp_path_factory.mktemp("market")))


@pytest.fixture
def days(tmp_path: Path) -> Path:
    for number, name in enumerate(("a/1.csv", "a/2.csv", "b/1.csv"), start=1):
        path = tmp_path / "days" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_raw(path, raw_rows(number, model="tacoma"))
    return tmp_path / "days"


@pytest.fixture
def bucket(days: Path) -> Iterator[str]:
    with fake_s3() as address, new_bucket("cars", address=address), closing(boto3.client("s3")) as client:
        for path in days.rglob("*.csv"):
            client.upload_file(str(path), "cars", f"in/{path.relative_to(days)}")
        yield "s3://cars"


class Run:
    """A run, with the lines of its progress."""

    def __init__(self, source: object, target: object, *, model: PriceModel, digest: str = "one") -> None:
        self.lines: list[str] = []
        self.score: LocationScore = score_location(
            str(source), str(target), model=model, digest=digest, progress=self.lines.append
        )

    @property
    def files(self) -> list[str]:
        return [line.split(", ")[1].partition(":")[0] for line in self.lines]


def expected(path: Path, *, model: PriceModel, into: Path) -> pl.DataFrame:
    score_file(path, into=into / "expected.parquet", model=model, progress=lambda _: None)
    return pl.read_parquet(into / "expected.parquet")


def test_each_file_of_a_folder_has_an_output_with_its_prices(
    days: Path, tmp_path: Path, model: PriceModel
) -> None:
    run = Run(days, tmp_path / "out", model=model)

    for name in ("a/1", "a/2", "b/1"):
        prices = pl.read_parquet(tmp_path / "out" / f"{name}.parquet")
        assert prices.equals(expected(days / f"{name}.csv", model=model, into=tmp_path))
    assert (run.score.files, run.score.rows, run.score.priced) == (3, 6, 6)
    assert run.lines[-1] == "file 3 of 3, b/1.csv: 3 rows done"


def test_finished_files_are_skipped_unless_they_or_the_model_changed(
    days: Path, tmp_path: Path, model: PriceModel
) -> None:
    out = tmp_path / "out"
    Run(days, out, model=model)
    again = Run(days, out, model=model)
    write_raw(days / "a" / "2.csv", raw_rows(7))
    changed = Run(days, out, model=model)
    another = Run(days, out, model=model, digest="two")

    assert (again.files, again.score.finished) == ([], 3)
    assert (changed.files, changed.score.rows) == (["a/2.csv"], 7)
    assert pl.read_parquet(out / "a" / "2.parquet").height == 7
    assert another.score.files == 3


def test_a_run_that_ends_at_a_broken_file_continues_there(
    days: Path, tmp_path: Path, model: PriceModel
) -> None:
    (days / "a" / "2.csv").rename(tmp_path / "good.csv")
    (days / "a" / "2.csv").write_text("nothing\n1\n")
    with pytest.raises(TableUnreadable, match=r"2.csv has none of the columns"):
        Run(days, tmp_path / "out", model=model)
    (tmp_path / "good.csv").rename(days / "a" / "2.csv")

    assert Run(days, tmp_path / "out", model=model).files == ["a/2.csv", "b/1.csv"]


def test_a_prefix_of_a_bucket_is_scored_into_another(
    bucket: str, days: Path, tmp_path: Path, model: PriceModel
) -> None:
    first = Run(f"{bucket}/in", f"{bucket}/out", model=model)
    again = Run(f"{bucket}/in", f"{bucket}/out", model=model)

    with closing(boto3.client("s3")) as client:
        found = [item["Key"] for item in client.list_objects_v2(Bucket="cars", Prefix="out/")["Contents"]]
        client.download_file("cars", "out/b/1.parquet", str(tmp_path / "1.parquet"))
    assert found == ["out/_scored.json", "out/a/1.parquet", "out/a/2.parquet", "out/b/1.parquet"]
    assert pl.read_parquet(tmp_path / "1.parquet").equals(
        expected(days / "b" / "1.csv", model=model, into=tmp_path)
    )
    assert (first.score.files, again.score.files) == (3, 0)


def test_one_object_is_scored_into_one_file(bucket: str, tmp_path: Path, model: PriceModel) -> None:
    run = Run(f"{bucket}/in/b/1.csv", tmp_path / "prices.csv", model=model)
    Run(tmp_path / "days" / "b" / "1.csv", f"{bucket}/prices/one.csv", model=model)

    assert run.score.rows == pl.read_csv(tmp_path / "prices.csv").height == 3
    with closing(boto3.client("s3")) as client:
        content = client.get_object(Bucket="cars", Key="prices/one.csv")["Body"].read()
    assert content == (tmp_path / "prices.csv").read_bytes()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("days/out", "is the input, or below it"),
        ("days", "is the input, or below it"),
        ("one.csv", "is one file, but there are 3 files to score"),
        ("https://cars.example/out", "cannot be written to"),
    ],
)
def test_a_target_that_cannot_be_is_refused(
    days: Path, tmp_path: Path, model: PriceModel, target: str, message: str
) -> None:
    with pytest.raises(TargetRefused, match=message):
        Run(days, target if "://" in target else tmp_path / target, model=model)


def test_two_files_with_one_output_are_refused(days: Path, tmp_path: Path, model: PriceModel) -> None:
    (days / "a" / "1.parquet").touch()

    with pytest.raises(TargetRefused, match=r"a/1.csv and a/1.parquet would both be scored into a/1.parquet"):
        Run(days, tmp_path / "out", model=model)
