"""Readers of the dataset store see a complete version, also after a writer crashes."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from carvalue.files.atomic import TEMPORARY_MARK
from carvalue.listings.datasets.leaks import SplitSummary
from carvalue.listings.datasets.manifest import Manifest
from carvalue.listings.datasets.periods import SPLITS
from carvalue.listings.datasets.store import KEPT_VERSIONS, DatasetIncomplete, DatasetMissing, DatasetStore

START = datetime(2026, 1, 1, tzinfo=UTC)


class PowerCut(BaseException):
    """The machine dies: no handler for errors runs."""


def a_manifest(number: int = 0) -> Manifest:
    period = SplitSummary(rows=10, cars=9, first_posted_at=START, last_posted_at=START + timedelta(days=1))
    return Manifest(
        source_kind="file",
        source_description="vehicles.csv",
        source_fingerprint="abc",
        created_at=START + timedelta(hours=number),
        carvalue_version="0.1.0",
        fingerprint=f"{number:016x}",
        rows_read=40,
        rows_kept=30,
        cars=27,
        rejected={"price missing": 10},
        repaired={},
        reposts_dropped={"validation": 0, "test": 0},
        splits=dict.fromkeys(SPLITS, period),
    )


def a_folder(path: Path, *, content: str) -> Path:
    path.mkdir(exist_ok=True)
    for name in SPLITS:
        (path / f"{name}.parquet").write_text(f"{content} {name}")
    return path


def publish(store: DatasetStore, folder: Path, number: int = 0) -> None:
    store.publish(a_folder(folder, content=str(number)), manifest=a_manifest(number))


def contents(store: DatasetStore) -> list[str]:
    return [store.path(name).read_text() for name in SPLITS]


def test_a_published_dataset_is_found(tmp_path: Path) -> None:
    store = DatasetStore(tmp_path / "store")

    publish(store, tmp_path / "work")

    assert contents(store) == ["0 train", "0 validation", "0 test"]
    assert store.manifest() == a_manifest()


def test_reposts_are_published_where_they_were_kept(tmp_path: Path) -> None:
    store, work = DatasetStore(tmp_path / "store"), a_folder(tmp_path / "work", content="0")

    publish(store, work)
    assert store.current().reposts is None
    (work / "reposts.parquet").write_text("later")
    publish(store, work, 1)

    reposts = store.current().reposts
    assert reposts is not None
    assert reposts.read_text() == "later"


def test_an_empty_store_is_an_error_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(DatasetMissing, match="make build"):
        DatasetStore(tmp_path).manifest()


def test_the_newest_is_current(tmp_path: Path) -> None:
    store = DatasetStore(tmp_path / "store")

    publish(store, tmp_path / "work", 1)
    publish(store, tmp_path / "work", 2)

    assert contents(store)[0] == "2 train"
    assert store.manifest().fingerprint == a_manifest(2).fingerprint


def test_an_opened_dataset_does_not_change_while_the_next_is_published(tmp_path: Path) -> None:
    store = DatasetStore(tmp_path / "store")
    publish(store, tmp_path / "work", 1)

    taken = store.current()
    publish(store, tmp_path / "work", 2)

    assert taken.path("train").read_text() == "1 train"
    assert taken.manifest() == a_manifest(1)


def test_a_version_is_found_by_its_name_after_the_next_is_published(tmp_path: Path) -> None:
    store = DatasetStore(tmp_path / "store")
    publish(store, tmp_path / "work", 1)

    name = store.current().name
    publish(store, tmp_path / "work", 2)

    assert store.version(name).manifest() == a_manifest(1)


def test_a_deleted_version_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetMissing, match="20260101T000000-f00d"):
        DatasetStore(tmp_path).version("20260101T000000-f00d")


def test_old_versions_are_pruned(tmp_path: Path) -> None:
    root = tmp_path / "store"
    for number in range(6):
        publish(DatasetStore(root), tmp_path / "work", number)

    versions = sorted(path.name for path in root.iterdir() if path.is_dir())

    assert len(versions) == KEPT_VERSIONS
    assert [int(name.split("-")[1], 16) for name in versions] == [3, 4, 5]


def test_files_of_a_dead_writer_are_removed(tmp_path: Path) -> None:
    root = tmp_path / "store"
    (root / f"20260101T000000-dead{TEMPORARY_MARK}").mkdir(parents=True)

    publish(DatasetStore(root), tmp_path / "work")

    assert not list(root.glob(f"*{TEMPORARY_MARK}*"))


def test_a_folder_without_a_split_is_refused(tmp_path: Path) -> None:
    folder = a_folder(tmp_path / "work", content="x")
    (folder / "test.parquet").unlink()

    with pytest.raises(DatasetIncomplete, match="lacks test"):
        DatasetStore(tmp_path / "store").publish(folder, manifest=a_manifest())


@pytest.mark.parametrize("step", ["copyfile", "flush", "rename", "replace", "rmtree"])
def test_a_crash_at_any_step_leaves_a_complete_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    store = DatasetStore(tmp_path / "store")
    for number in range(KEPT_VERSIONS):
        publish(store, tmp_path / "work", number)

    with monkeypatch.context() as patch:
        _cut_power_at(step, patch)
        with pytest.raises(PowerCut):
            publish(store, tmp_path / "work", 9)

    found = contents(store)
    assert found in ([f"{KEPT_VERSIONS - 1} {name}" for name in SPLITS], [f"9 {name}" for name in SPLITS])
    publish(store, tmp_path / "work", 10)
    assert contents(store)[0] == "10 train"


def _cut_power_at(step: str, patch: pytest.MonkeyPatch) -> None:
    def die(*_: object, **__: object) -> None:
        raise PowerCut

    if step in {"copyfile", "rmtree"}:
        patch.setattr(shutil, step, die)
    elif step == "flush":
        patch.setattr(os, "fsync", die)
    else:
        patch.setattr(Path, step, die)


def test_a_crash_between_two_copies_leaves_the_earlier_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = DatasetStore(tmp_path / "store")
    publish(store, tmp_path / "work", 1)
    copy, copied = shutil.copyfile, []

    def copy_one(source: Path, target: Path) -> Path:
        if copied:
            raise PowerCut
        copied.append(target)
        return copy(source, target)

    monkeypatch.setattr(shutil, "copyfile", copy_one)
    with pytest.raises(PowerCut):
        publish(store, tmp_path / "work", 2)

    assert contents(store) == [f"1 {name}" for name in SPLITS]


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    store = DatasetStore(tmp_path / "store")
    publish(store, tmp_path / "work")
    (store.current().folder / "manifest.json").write_text("{")

    with pytest.raises(DatasetMissing, match=r"manifest\.json cannot be read"):
        store.manifest()


def test_concurrent_writers_leave_one_complete_dataset(tmp_path: Path) -> None:
    root = tmp_path / "store"
    numbers = range(8)

    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(lambda n: publish(DatasetStore(root), tmp_path / f"work{n}", n), numbers))

    store = DatasetStore(root)
    number = int(store.manifest().fingerprint, 16)
    assert contents(store) == [f"{number} {name}" for name in SPLITS]
    assert len([path for path in root.iterdir() if path.is_dir()]) == KEPT_VERSIONS
