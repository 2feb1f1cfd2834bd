"""The model in use: loads from disk, swaps whole versions, keeps the earlier one if a bundle is bad."""

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from carvalue.files import MANIFEST, TEMPORARY_MARK
from carvalue.pricing.intervals import RangeCorrection
from carvalue.serving.model.bundle_cache import BundleCache
from carvalue.serving.model.live_model import RETRY_REFUSED_S, LiveModel, ModelNotLoaded
from carvalue.telemetry.metrics import ServiceMetrics
from fakes import FakeRegistry

F150 = {"manufacturer": "ford", "model": "f-150", "year": 2015, "odometer": 80_000}


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Stage:
    """A service's model beside a registry, and what the metrics say of it."""

    def __init__(self, root: Path) -> None:
        self.registry, self.clock, self.root = FakeRegistry(), Clock(), root
        self.start()

    def start(self) -> None:
        self.metrics = ServiceMetrics()
        self.live = LiveModel(
            registry=self.registry, cache=BundleCache(self.root), metrics=self.metrics, clock=self.clock
        )
        self.live.load_last_good()

    def counted(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0

    def price(self) -> int:
        return self.live.current().model.quote(F150).price


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path / "bundles")


def broken(bundle: Path, into: Path) -> Path:
    shutil.copytree(bundle, into)
    (into / "model.ubj").write_bytes((into / "model.ubj").read_bytes()[:-100])
    return into


def of_a_newer_release(bundle: Path, into: Path) -> Path:
    shutil.copytree(bundle, into)
    manifest = json.loads((into / MANIFEST).read_text()) | {"format": 99}
    (into / MANIFEST).write_text(json.dumps(manifest))
    return into


def test_a_bundle_of_a_newer_release_is_the_named_cause(stage: Stage, bundle: Path, tmp_path: Path) -> None:
    stage.registry.promote(of_a_newer_release(bundle, tmp_path / "newer"), version=4)
    stage.live.follow()

    assert stage.live.refusal.startswith("version 4 cannot be used: bundle format 99, this release reads ")
    with pytest.raises(ModelNotLoaded, match="bundle format 99"):
        stage.live.current()

    stage.registry.promote(bundle, version=5)
    stage.live.follow()
    assert stage.live.refusal == ""


def test_without_a_version_there_is_no_model(stage: Stage) -> None:
    stage.live.follow()

    with pytest.raises(ModelNotLoaded):
        stage.live.current()
    assert stage.live.registry_state == "nothing in production"


def test_the_production_version_is_loaded(stage: Stage, bundle: Path) -> None:
    stage.registry.promote(bundle, version=3)

    stage.live.follow()

    assert stage.live.current().version.version == 3
    assert stage.counted("carvalue_model_version") == 3
    assert stage.counted("carvalue_model_swaps_total") == 1


def test_a_new_version_is_downloaded_once_and_loaded(
    stage: Stage, bundle: Path, cheaper_bundle: Path
) -> None:
    stage.registry.promote(bundle, version=1)
    stage.live.follow()
    before = stage.price()
    stage.registry.promote(cheaper_bundle, version=2)

    for _ in range(3):
        stage.live.follow()

    assert stage.price() < before * 0.8
    assert stage.registry.downloads == 2


def test_going_back_to_the_previous_version_needs_no_download(
    stage: Stage, bundle: Path, cheaper_bundle: Path
) -> None:
    for version, promoted in ((1, bundle), (2, cheaper_bundle), (1, bundle)):
        stage.registry.promote(promoted, version=version)
        stage.live.follow()

    assert stage.live.current().version.version == 1
    assert stage.registry.downloads == 2


def test_a_restart_without_registry_loads_from_disk(stage: Stage, bundle: Path) -> None:
    stage.registry.promote(bundle, version=3)
    stage.live.follow()
    price = stage.price()
    stage.registry.is_down = True

    stage.start()
    stage.live.follow()

    assert stage.price() == price
    assert stage.live.registry_state == "down"
    assert stage.counted("carvalue_registry_up") == 0


def test_a_corrupt_bundle_is_refused_and_the_earlier_one_stays(
    stage: Stage, bundle: Path, tmp_path: Path
) -> None:
    stage.registry.promote(bundle, version=1)
    stage.live.follow()
    stage.registry.promote(broken(bundle, tmp_path / "broken"), version=2)

    stage.live.follow()

    assert stage.live.current().version.version == 1
    assert stage.counted("carvalue_model_refusals_total", reason="BundleCorrupt") == 1
    stage.registry.is_down = True
    stage.start()
    assert stage.live.current().version.version == 1


def test_a_refused_version_is_retried_after_a_delay(stage: Stage, bundle: Path, tmp_path: Path) -> None:
    folder = broken(bundle, tmp_path / "broken")
    stage.registry.promote(folder, version=1)
    stage.live.follow()
    shutil.copy(bundle / "model.ubj", folder)

    stage.live.follow()
    assert not stage.live.has_model

    stage.clock.now += RETRY_REFUSED_S
    stage.live.follow()
    assert stage.live.has_model


def test_a_bundle_damaged_on_disk_is_downloaded_again(stage: Stage, bundle: Path) -> None:
    version = stage.registry.promote(bundle, version=1)
    stage.live.follow()
    (BundleCache(stage.root).folder_of(version) / "card.json").write_text("{")

    stage.start()
    assert not stage.live.has_model

    stage.live.follow()
    assert stage.live.has_model


@pytest.mark.parametrize("label", ["", "{}", "[1]", "\x00"])
@pytest.mark.parametrize("release", ["0.1", "this"])
def test_with_an_unreadable_label_the_last_used_bundle_is_loaded(
    stage: Stage, bundle: Path, cheaper_bundle: Path, label: str, release: str
) -> None:
    for version, folder in enumerate((bundle, cheaper_bundle), 1):
        stage.registry.promote(folder, version=version)
        stage.live.follow()
    version_in_use, price = stage.live.current().version, stage.price()
    stage.registry.is_down = True
    (stage.root / "last_good.json").write_text(label)
    if release == "0.1":
        for path in stage.root.glob("*/version.json"):
            before = path.parent.stat()
            path.unlink()
            os.utime(path.parent, (before.st_atime, before.st_mtime))  # 0.1 never wrote that file

    stage.start()

    assert stage.price() == price
    assert stage.live.current().version.version == version_in_use.version
    assert stage.live.current().version.bundle_digest == version_in_use.bundle_digest
    if release == "this":
        assert stage.live.current().version == version_in_use


def test_without_a_label_the_bundle_on_disk_is_loaded(stage: Stage, bundle: Path) -> None:
    stage.registry.promote(bundle, version=1)
    stage.live.follow()
    (stage.root / "last_good.json").unlink()
    stage.registry.is_down = True

    stage.start()

    assert stage.live.current().version.version == 1


@pytest.mark.parametrize("damaged", ["model.ubj", "MANIFEST.json"])
def test_with_a_damaged_last_good_bundle_another_valid_one_is_loaded(
    stage: Stage, bundle: Path, cheaper_bundle: Path, damaged: str
) -> None:
    stage.registry.promote(bundle, version=1)
    stage.live.follow()
    price = stage.price()
    version = stage.registry.promote(cheaper_bundle, version=2)
    stage.live.follow()
    stage.registry.is_down = True
    path = BundleCache(stage.root).folder_of(version) / damaged
    path.write_bytes(path.read_bytes()[:-100])

    stage.start()

    assert stage.price() == price
    assert stage.live.current().version.version == 1
    stage.start()  # the label names the bundle in use
    assert stage.live.current().version.version == 1


def test_an_unwritable_label_does_not_prevent_loading(
    stage: Stage, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    stage.registry.promote(bundle, version=1)
    stage.live.follow()
    monkeypatch.setattr(BundleCache, "set_last_good", full)
    stage.registry.is_down = True

    stage.start()
    assert stage.live.has_model
    stage.start()
    assert stage.live.has_model


def test_bundle_and_label_are_flushed_before_they_are_used(
    stage: Stage, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[str] = []
    flush = os.fsync

    def fsync(descriptor: int) -> None:
        name, mark, _ = Path(f"/proc/self/fd/{descriptor}").readlink().name.partition(TEMPORARY_MARK)
        flushed.append(name.removeprefix(".") if mark else name)
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    version = stage.registry.promote(bundle, version=1)
    stage.live.follow()

    folder = BundleCache(stage.root).folder_of(version)
    label = flushed.index("last_good.json")
    assert {*(path.name for path in folder.iterdir()), folder.name, stage.root.name} <= {*flushed[:label]}
    assert flushed[label + 1] == stage.root.name


def test_an_unwritable_disk_counts_as_a_refusal(
    stage: Stage, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stage.registry, "download", full)
    stage.registry.promote(bundle, version=1)

    stage.live.follow()

    assert stage.counted("carvalue_model_refusals_total", reason="OSError") == 1


def test_the_disk_keeps_two_bundles(stage: Stage, bundle: Path) -> None:
    under_way, abandoned = stage.root / ".9-download", stage.root / ".8-download"
    for folder in (under_way, abandoned):
        folder.mkdir(parents=True)
    os.utime(abandoned, (0, 0))
    for version in range(1, 6):
        stage.registry.promote(bundle, version=version)
        stage.live.follow()

    kept = sorted(path.name.split("-")[0] for path in stage.root.iterdir() if path.is_dir())

    assert kept == [".9", "4", "5"]


def test_concurrent_workers_download_a_version_once(bundle: Path, tmp_path: Path) -> None:
    stages = [Stage(tmp_path / "bundles") for _ in range(3)]
    registry = stages[0].registry
    registry.promote(bundle, version=4)
    for stage in stages:
        stage.registry = registry
        stage.start()

    with ThreadPoolExecutor(len(stages)) as threads:
        list(threads.map(lambda stage: stage.live.follow(), stages))

    assert [stage.live.current().version.version for stage in stages] == [4, 4, 4]
    assert registry.downloads == 1
    assert sum(stage.counted("carvalue_model_swaps_total") for stage in stages) == len(stages)


def test_a_correction_that_arrives_during_a_promotion_is_not_given_to_the_version_before(
    tmp_path: Path, bundle: Path
) -> None:
    registry = FakeRegistry()

    def promote_meanwhile(version: str) -> RangeCorrection:
        if version == "1":
            registry.promote(bundle, version=2)
            live.follow()
        return RangeCorrection(level=0.05)

    live = LiveModel(
        registry=registry,
        cache=BundleCache(tmp_path),
        metrics=ServiceMetrics(),
        correction_of=promote_meanwhile,
    )
    registry.promote(bundle, version=1)
    live.follow()

    live.follow_correction()
    assert (live.current().version.version, live.current().model.correction.level) == (2, 0.0)

    live.follow_correction()
    assert (live.current().version.version, live.current().model.correction.level) == (2, 0.05)
