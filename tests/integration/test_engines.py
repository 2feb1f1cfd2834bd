"""The registered model quotes on Spark and on Ray Data, by the programs of the documentation."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from carvalue.pricing import PriceModel
from markets import a_bundle, a_listing
from tutorials import blocks

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "score-files.md"
CARS = [
    a_listing(year=2012 + number % 5, odometer=60_000 + number, fuel="gas", drive=None)
    for number in range(50)
]
CARS[7] |= {"odometer": None, "fuel": None}
QUOTE = ["price", "low", "high", "support_grade", "warnings"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Register a model in production, and write the listings and the programs."""
    import mlflow

    from carvalue.registry.mlflow.registering import _create
    from carvalue.registry.model_version import MODEL_NAME

    folder = tmp_path_factory.mktemp("engines")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    client = mlflow.MlflowClient()
    client.create_registered_model(MODEL_NAME)
    run = client.create_run("0")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        version = _create(run.info.run_id, bundle=a_bundle(folder), tags={})
    client.set_registered_model_alias(MODEL_NAME, "production", version.version)
    mlflow.set_tracking_uri(before)
    pl.DataFrame(CARS).write_parquet(folder / "cars.parquet")  # year and odometer are int64
    for block in blocks("file", pages=[PAGE]):
        (folder / block.how.split()[1]).write_text(block.code)
    return folder


def scored(folder: Path, engine: str) -> pl.DataFrame:
    """Run a program of the page; return the table that it writes."""
    if importlib.util.find_spec({"spark": "pyspark"}.get(engine, engine)) is None:
        pytest.skip(f"{engine} is not installed: try it with `uv pip install pyspark 'ray[data]'`")
    environment = {
        **os.environ,
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_SUBMIT_ARGS": "--master local[2] --conf spark.ui.enabled=false pyspark-shell",
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    program = [sys.executable, f"score_with_{engine}.py", folder / "cars.parquet", folder / engine]
    done = subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    return pl.read_parquet(folder / engine / "*.parquet").sort("odometer")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.*type hint:UserWarning")
@pytest.mark.parametrize("engine", ["spark", "ray"])
def test_the_model_in_production_quotes_on_an_engine(folder: Path, engine: str) -> None:
    rows = scored(folder, engine)

    cars = pl.DataFrame(CARS).sort("odometer")
    expected = PriceModel.load(folder / "bundle").quote_frame(cars).select(QUOTE)
    assert rows.select(QUOTE).rows() == expected.rows()
