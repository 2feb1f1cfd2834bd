"""Files of a folder or a bucket are scored one by one, and only once for a model."""

import gzip
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import boto3
import polars as pl
import pytest

from buckets import fake_s3, new_bucket
from carvalue.files import FolderObjects, NameRefused
from carvalue.files.tabular.tables import READ_SUFFIXES, TableUnreadable
from carvalue.pricing import PriceModel, score_file
from carvalue.serving.batch import LocationScore, score_location
from carvalue.serving.batch.locations import TargetRefused
from carvalue.settings import DATA_SUFFIXES
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

    def __init__(
        self, source: object, target: object, *, model: PriceModel, version: str = "1", digest: str = "one"
    ) -> None:
        self.lines: list[str] = []
        self.score: LocationScore = score_location(
            str(source),
            str(target),
            model=model,
            version=version,
            digest=digest,
            progress=self.lines.append,
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


def test_an_output_that_is_gone_is_written_again(days: Path, tmp_path: Path, model: PriceModel) -> None:
    Run(days, tmp_path / "out", model=model)
    (tmp_path / "out" / "a" / "2.parquet").unlink()

    assert Run(days, tmp_path / "out", model=model).files == ["a/2.csv"]
    assert (tmp_path / "out" / "a" / "2.parquet").is_file()


def test_a_model_is_the_same_by_version_and_digest_and_none_without_a_digest(
    days: Path, tmp_path: Path, model: PriceModel
) -> None:
    Run(days, tmp_path / "out", model=model)

    assert Run(days, tmp_path / "out", model=model, version="2").score.finished == 0
    assert Run(days, tmp_path / "out", model=model, version="2").score.finished == 3
    for _ in range(2):
        assert Run(days, tmp_path / "out", model=model, digest="").score.finished == 0
    assert Run(days, tmp_path / "out", model=model, version="2").score.finished == 0


def test_all_formats_of_daily_files_are_scored(days: Path, tmp_path: Path, model: PriceModel) -> None:
    content = (days / "a" / "1.csv").read_bytes()
    lines = pl.read_csv(content, infer_schema=False).write_ndjson().encode()
    (tmp_path / "in").mkdir()
    for name, rows in {"1.csv": content, "2.ndjson": lines, "3.jsonl": lines}.items():
        (tmp_path / "in" / name).write_bytes(rows)
        (tmp_path / "in" / f"zipped-{name}.GZ").write_bytes(gzip.compress(rows))

    run = Run(tmp_path / "in", tmp_path / "out", model=model)

    prices = [pl.read_parquet(path)["price"].to_list() for path in (tmp_path / "out").glob("*.parquet")]
    assert run.score.files == len(prices) == 6
    assert all(found == prices[0] for found in prices)
    assert (tmp_path / "out" / "zipped-1.parquet").is_file()
    assert set(DATA_SUFFIXES) <= set(READ_SUFFIXES)


def test_a_compressed_file_that_is_cut_off_is_named(days: Path, tmp_path: Path, model: PriceModel) -> None:
    path = days / "b" / "2.ndjson.gz"
    path.write_bytes(gzip.compress(b'{"year": 2012}\n' * 99)[:-9])

    with pytest.raises(TableUnreadable, match=r"2.ndjson.gz cannot be read to its end"):
        Run(path.parent, tmp_path / "out", model=model)


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
    ("source", "target", "message"),
    [
        ("days", "days/out", "is the folder of the input, or below it"),
        ("days", "days", "is the folder of the input, or below it"),
        ("days/*/*.csv", "days", "is the folder of the input, or below it"),
        ("./days", "../{0}/days", "is the folder of the input, or below it"),
        ("link", "days/out", "is the folder of the input, or below it"),
        ("days", "link", "is the folder of the input, or below it"),
        ("days/b/*.csv", "days/b/prices.csv", "is the folder of the input, or below it"),
        ("parquet", "linked", "parquet/1.parquet is an input"),
        ("days", "one.csv", "is one file, but there are 3 files to score"),
        ("days", "https://cars.example/out", "cannot be written to"),
        ("days/b", "s3://prices.csv", "expected s3://BUCKET/KEY"),
    ],
)
def test_a_target_that_cannot_be_is_refused(
    days: Path,
    tmp_path: Path,
    model: PriceModel,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    target: str,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("link").symlink_to(days)
    for folder in ("parquet", "linked"):
        Path(folder).mkdir()
    pl.read_csv("days/b/1.csv").write_parquet("parquet/1.parquet")
    Path("linked/1.parquet").symlink_to("../parquet/1.parquet")

    with pytest.raises(TargetRefused, match=message):
        Run(source, target.format(tmp_path.name), model=model)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("in/*/*.csv", "in"),
        ("in/b/*.csv", "in/b/out"),
        ("in/b/1.csv", "in/b"),
        ("in/b/1.csv", "in/b/1.csv"),
        ("in/b/1.csv", "/in/b/1.csv/"),
        ("in", "in/"),
    ],
)
def test_a_target_in_the_prefix_of_the_input_is_refused(
    bucket: str, model: PriceModel, source: str, target: str
) -> None:
    with closing(boto3.client("s3")) as client:
        before = client.list_objects_v2(Bucket="cars")["Contents"]
        with pytest.raises(TargetRefused):
            Run(f"{bucket}/{source}", f"{bucket}/{target}", model=model)

        assert client.list_objects_v2(Bucket="cars")["Contents"] == before


def test_a_target_with_an_empty_part_is_refused(bucket: str, model: PriceModel) -> None:
    with pytest.raises(NameRefused, match="cars/out//b' has an empty part"):
        Run(f"{bucket}/in", f"{bucket}/out//b", model=model)


def test_one_object_is_scored_beside_itself_under_another_name(bucket: str, model: PriceModel) -> None:
    assert Run(f"{bucket}/in/b/1.csv", f"{bucket}/in/b/1-prices.csv", model=model).score.rows == 3
    with closing(boto3.client("s3")) as client:
        client.delete_object(Bucket="cars", Key="in/b/1-prices.csv")


@pytest.mark.parametrize("name", ["prices.csv", "prices#2/all?.csv"])
def test_a_target_is_a_path_and_no_url(
    bucket: str, tmp_path: Path, model: PriceModel, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    written: list[Path] = []
    monkeypatch.setattr("carvalue.serving.batch.locations.FolderObjects", spying(written))

    Run(f"{bucket}/in/b/1.csv", name, model=model)
    Run(f"{bucket}/in/b/1.csv", tmp_path / name, model=model)
    with pytest.raises(StopIteration):
        Run(f"{bucket}/in/b/1.csv", "/out.csv", model=model)
    Run(f"{bucket}/in", "prices#3", model=model)

    assert pl.read_csv(tmp_path / name).height == 3
    assert written == [(tmp_path / name).parent] * 2 + [Path("/"), tmp_path / "prices#3"]
    assert (tmp_path / "prices#3" / "_scored.json").is_file()


def spying(written: list[Path]) -> Callable[[Path], FolderObjects]:
    """Note the folders that are written to; refuse the root of the file system."""

    def open_folder(root: Path) -> FolderObjects:
        written.append(root)
        if root == Path("/"):
            raise StopIteration
        return FolderObjects(root)

    return open_folder


def test_two_files_with_one_output_are_refused(days: Path, tmp_path: Path, model: PriceModel) -> None:
    (days / "a" / "1.parquet").touch()

    with pytest.raises(TargetRefused, match=r"a/1.csv and a/1.parquet would both be scored into a/1.parquet"):
        Run(days, tmp_path / "out", model=model)
