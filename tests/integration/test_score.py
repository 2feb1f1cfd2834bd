"""`carvalue score`: a file of any kind in, one priced row for each of its rows out."""

import shutil
import subprocess
import sys
import zipfile
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from carvalue.files.bundle import bundle_digest
from carvalue.journal import Journal
from carvalue.listings.synthetic.writer import write_sample
from carvalue.pricing.intervals import RangeCorrection
from carvalue.pricing.model import PriceModel
from carvalue.pricing.scoring import score
from carvalue.pricing.scoring.files import BATCH_ROWS
from carvalue.registry.model_version import ModelVersion
from carvalue.serving.model import BundleCache, bundles_folder
from carvalue.serving.model.bundle_cache import CachedBundle
from factories import a_raw_row, raw_rows, write_raw
from markets import a_bundle

ROWS = BATCH_ROWS + 5
PEAK_MB = 900
NONSENSE = {
    "no year": a_raw_row(year=""),
    "old": a_raw_row(year="1970"),
    "text": a_raw_row(year="next", odometer="far"),
    "bare": dict.fromkeys(a_raw_row(), ""),
    "odd": a_raw_row(manufacturer="\x00\u202e🚗", model="x" * 100_000, state="zz", paint_color="'; drop --"),
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_bundle(tmp_path_factory.mktemp("market"))


def carvalue_score(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "carvalue", "score", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment or None)


def scored(source: Path, target: Path, bundle: Path) -> pl.DataFrame:
    done = carvalue_score(source, target, "--bundle", bundle)
    assert done.returncode == 0, done.stderr
    return pl.read_parquet(target)


def test_csv_zip_and_parquet_give_every_row_its_quote(bundle: Path, tmp_path: Path) -> None:
    rows = [*raw_rows(50), *NONSENSE.values(), *raw_rows(3, model="tacoma")]
    table = write_raw(tmp_path / "cars.csv", rows)
    pl.read_csv(table, infer_schema_length=None).write_parquet(tmp_path / "cars.parquet")
    with zipfile.ZipFile(tmp_path / "cars.zip", "w") as archive:
        archive.write(table, "cars.csv")

    first, *others = [
        scored(tmp_path / f"cars.{kind}", tmp_path / f"of {kind}" / "out.parquet", bundle)
        for kind in ("csv", "zip", "parquet")
    ]

    assert all(other.equals(first) for other in others)
    assert first["reason"][50:55].to_list() == [
        "year missing",
        "year 1970: expected 1985-2030",
        "year next: expected a whole number",
        "year missing",
        None,
    ]
    model = PriceModel.load(bundle)
    listing = {name: value for name, value in rows[0].items() if value}
    listing |= {"year": 2014, "odometer": 20_001}
    assert first["price"][0] == model.quote(listing).price
    assert first.height == len(rows)


def test_many_batches_keep_their_order_within_bounded_memory(bundle: Path, tmp_path: Path) -> None:
    source = tmp_path / "cars.csv"
    write_sample(source, rows=ROWS, description_bytes=2_700)
    measured = (
        "import re, sys; from pathlib import Path; from carvalue.pricing.scoring.files import score_file; "
        "from carvalue.pricing.model import PriceModel; "
        "score_file(Path(sys.argv[1]), into=Path(sys.argv[2]), model=PriceModel.load(Path(sys.argv[3])), "
        "progress=lambda rows: None); "
        # not getrusage: its maximum begins with that of the process which started this one
        "print(int(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]) // 1024)"
    )
    target = tmp_path / "out.parquet"

    done = subprocess.run(
        [sys.executable, "-c", measured, source, target, bundle], capture_output=True, text=True, check=True
    )

    years = pl.read_csv(source, columns=["year"], infer_schema=False)["year"].cast(pl.Float64)
    out = pl.read_parquet(target)
    assert out.height == ROWS
    assert (
        out["reason"]
        .str.contains("year")
        .fill_null(value=False)
        .equals(~years.is_between(1985, 2030).fill_null(value=False).alias("reason"))
    )
    assert int(done.stdout) < PEAK_MB


def test_a_file_with_only_a_header_gives_a_header(bundle: Path, tmp_path: Path) -> None:
    done = carvalue_score(write_raw(tmp_path / "a.csv", []), tmp_path / "out.csv", "--bundle", bundle)

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.csv").read_text() == "price,low,high,support_grade,warnings,reason\n"


@pytest.mark.parametrize(
    ("source", "target", "complaint"),
    [
        ("empty.csv", "out.csv", "empty CSV"),
        ("none.csv", "out.csv", "No such file"),
        ("cars.csv", "out.xlsx", "ends in .csv or .parquet"),
        ("cars.csv", "cars.csv", "is the input"),
        ("cut.csv", "out.csv", "cannot be read to its end"),
    ],
)
def test_an_error_is_one_clear_line(
    bundle: Path, tmp_path: Path, source: str, target: str, complaint: str
) -> None:
    write_raw(tmp_path / "cars.csv", raw_rows(3))
    (tmp_path / "empty.csv").touch()
    (tmp_path / "cut.csv").write_text('year,model\n2012,"camry\n2013,civic\n')

    done = carvalue_score(tmp_path / source, tmp_path / target, "--bundle", bundle)

    assert done.returncode == 1
    assert complaint in done.stderr
    assert done.stderr.count("\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"cars.csv", "empty.csv", "cut.csv"}


def test_the_version_in_production_has_the_ranges_that_the_service_answers(
    bundle: Path, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    cache = BundleCache(bundles_folder(state))
    version = ModelVersion(
        name="vehicles-price-model", version=3, run_id="", source="", bundle_digest=bundle_digest(bundle)
    )
    cache.set_last_good(
        CachedBundle(version=version, folder=Path(shutil.copytree(bundle, cache.folder_of(version))))
    )
    correction = RangeCorrection(level=0.05, log_scale=0.02)
    with closing(Journal(f"sqlite:///{state}/service/journal.db")) as journal:
        journal.set_range_correction(
            model_version="3",
            level=correction.level,
            log_scale=correction.log_scale,
            sales=300,
            computed_at=datetime.now(UTC),
        )
    table, model = write_raw(tmp_path / "cars.csv", raw_rows(20)), PriceModel.load(bundle)
    environment = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9", "STATE_DIR": str(state)}
    expected = [
        score(pl.read_csv(table, infer_schema=False), model=each)
        for each in (replace(model, correction=correction), model)
    ]

    corrected = carvalue_score(table, tmp_path / "corrected.parquet", **environment)
    no_journal = carvalue_score(
        table, tmp_path / "calibrated.parquet", **environment, JOURNAL_URL=f"sqlite:///{tmp_path}"
    )

    assert corrected.returncode == 0, corrected.stderr
    assert "journal" not in corrected.stderr
    assert pl.read_parquet(tmp_path / "corrected.parquet").equals(expected[0])
    assert no_journal.returncode == 0, no_journal.stderr
    assert no_journal.stderr.count("The journal is unavailable: reported sales do not correct") == 1
    assert pl.read_parquet(tmp_path / "calibrated.parquet").equals(expected[1])
    assert not expected[0]["high"].equals(expected[1]["high"])


def test_without_mlflow_and_without_a_last_good_bundle_there_is_no_model(tmp_path: Path) -> None:
    table = write_raw(tmp_path / "cars.csv", raw_rows(3))

    done = carvalue_score(
        table,
        tmp_path / "out.csv",
        MLFLOW_TRACKING_URI="http://127.0.0.1:9",
        STATE_DIR=str(tmp_path / "state"),
    )

    assert done.returncode == 1
    assert "does not answer" in done.stderr
    assert "stored no model on this machine" in done.stderr
