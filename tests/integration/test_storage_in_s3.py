"""Steps of one pipeline run on several machines, which share nothing but a bucket."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from buckets import fake_s3, new_bucket
from carvalue.files import open_folder
from carvalue.listings.datasets import DATASETS, DatasetStore
from carvalue.monitoring.drift import REFERENCE
from carvalue.monitoring.drift.reference import find_reference
from carvalue.pipelines import CREATES_DATASETS, run_pipeline
from carvalue.pipelines.definitions import Pipeline
from carvalue.settings import Settings


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[dict[str, Settings]]:
    with fake_s3() as address, new_bucket("cars", address=address):
        yield {
            name: Settings(
                state_dir=tmp_path / name,
                data_source="sample",
                sample_rows=1_000,
                storage_url="s3://cars/storage",
            )
            for name in ("cleaner", "publisher", "watcher")
        }


def test_a_pipeline_continues_on_another_machine(machines: dict[str, Settings]) -> None:
    steps = CREATES_DATASETS.steps
    names = [step.name for step in steps]
    first = Pipeline(name=CREATES_DATASETS.name, doc="", steps=steps[: names.index("publish")])
    run_pipeline(first, machines["cleaner"], report=lambda _: None)

    run_pipeline(CREATES_DATASETS, machines["publisher"], start="publish", report=lambda _: None)

    dataset = DatasetStore(open_folder(machines["watcher"], DATASETS).read()).current()
    references = open_folder(machines["watcher"], REFERENCE).read()
    assert dataset.path("train").is_file()
    assert find_reference(fingerprint=dataset.manifest().fingerprint, root=references).rows > 0
