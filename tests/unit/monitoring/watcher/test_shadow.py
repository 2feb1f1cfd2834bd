"""A challenger quotes live traffic again, from its start on, and no client sees its prices."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copytree

import pytest

from carvalue.files.bundle import BundleCorrupt
from carvalue.journal.entries import first_id_at
from carvalue.journal.leased_state import LeasedState
from carvalue.journal.store import Journal
from carvalue.monitoring.watcher.exporter import WatcherMetrics
from carvalue.monitoring.watcher.shadow import ShadowScorer
from carvalue.pricing.model import PriceModel
from carvalue.registry.model_version import RegistryUnavailable
from factories import an_entry
from fakes import FakeRegistry
from markets import a_bundle, a_listing

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_bundle(tmp_path_factory.mktemp("challenger"))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(f"sqlite:///{tmp_path}/journal.db")
    yield journal
    journal.close()


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()


@pytest.fixture
def metrics() -> WatcherMetrics:
    return WatcherMetrics()


@pytest.fixture
def shadow(journal: Journal, registry: FakeRegistry, metrics: WatcherMetrics, tmp_path: Path) -> ShadowScorer:
    return a_shadow(journal, registry, metrics, tmp_path)


def a_shadow(
    journal: Journal, registry: FakeRegistry, metrics: WatcherMetrics, tmp_path: Path
) -> ShadowScorer:
    return ShadowScorer(
        journal=journal,
        state=LeasedState(journal, "shadow", "only"),
        registry=registry,
        folder=tmp_path / "shadow",
        metrics=metrics,
    )


def _quoted(journal: Journal, *, at: datetime, count: int = 3, version: str = "1") -> None:
    journal.write(
        [
            an_entry(
                quote_id=f"{first_id_at(at)}{number:020x}",
                quoted_at=at,
                model_version=version,
                price=20_000,
                listing=a_listing(year=2010 + number),
            )
            for number in range(count)
        ]
    )


def _count(metrics: WatcherMetrics) -> float | None:
    return metrics.registry.get_sample_value("carvalue_shadow_difference_ratio_count")


def test_both_prices_are_kept_and_their_difference_is_measured(
    shadow: ShadowScorer,
    journal: Journal,
    registry: FakeRegistry,
    metrics: WatcherMetrics,
    bundle: Path,
    tmp_path: Path,
) -> None:
    registry.challenge(bundle, version=2)
    _quoted(journal, at=NOW - timedelta(minutes=1))  # before there was a challenger
    assert shadow.step(now=NOW) == 0
    _quoted(journal, at=NOW + timedelta(seconds=1))

    assert shadow.step(now=NOW + timedelta(seconds=9)) == 3
    assert shadow.step(now=NOW + timedelta(seconds=9)) == 0  # each quote once

    pairs = [json.loads(line) for line in (tmp_path / "shadow" / "2.ndjson").read_text().splitlines()]
    expected = [PriceModel.load(bundle).quote(a_listing(year=2010 + number)).price for number in range(3)]
    assert [pair["challenger_price"] for pair in pairs] == expected
    assert {(pair["version"], pair["price"], pair["challenger"]) for pair in pairs} == {("1", 20_000, "2")}
    assert _count(metrics) == 3
    assert metrics.registry.get_sample_value("carvalue_shadow_version") == 2


def test_it_stops_with_the_alias_and_is_not_compared_with_itself(
    shadow: ShadowScorer, journal: Journal, registry: FakeRegistry, metrics: WatcherMetrics, bundle: Path
) -> None:
    registry.challenge(bundle, version=2)
    shadow.step(now=NOW)
    _quoted(journal, at=NOW + timedelta(seconds=1), version="2")
    shadow.step(now=NOW + timedelta(seconds=9))
    registry.set_challenger(None)
    _quoted(journal, at=NOW + timedelta(seconds=10))

    assert shadow.step(now=NOW + timedelta(seconds=20)) == 0
    assert _count(metrics) == 0
    assert metrics.registry.get_sample_value("carvalue_shadow_version") == 0


def test_quotes_of_a_downtime_are_compared_afterwards(
    shadow: ShadowScorer,
    journal: Journal,
    registry: FakeRegistry,
    metrics: WatcherMetrics,
    bundle: Path,
    tmp_path: Path,
) -> None:
    registry.challenge(bundle, version=2)
    shadow.step(now=NOW)
    _quoted(journal, at=NOW + timedelta(seconds=1))

    restarted = a_shadow(journal, registry, metrics, tmp_path)

    assert restarted.step(now=NOW + timedelta(seconds=9)) == 3


def test_an_outage_of_the_registry_skips_no_quote(
    shadow: ShadowScorer, journal: Journal, registry: FakeRegistry, metrics: WatcherMetrics, bundle: Path
) -> None:
    registry.challenge(bundle, version=2)
    shadow.step(now=NOW)
    _quoted(journal, at=NOW + timedelta(seconds=1))
    registry.is_down = True
    with pytest.raises(RegistryUnavailable):
        shadow.step(now=NOW + timedelta(seconds=9))
    registry.is_down = False

    assert shadow.step(now=NOW + timedelta(seconds=20)) == 3
    assert _count(metrics) == 3


def test_an_unusable_challenger_is_downloaded_once(
    shadow: ShadowScorer, registry: FakeRegistry, metrics: WatcherMetrics, bundle: Path, tmp_path: Path
) -> None:
    broken = Path(copytree(bundle, tmp_path / "broken"))
    (broken / "model.ubj").write_bytes(b"")
    registry.challenge(broken, version=2)
    with pytest.raises(BundleCorrupt):
        shadow.step(now=NOW)

    assert shadow.step(now=NOW + timedelta(seconds=3)) == 0
    assert registry.downloads == 1
    assert metrics.registry.get_sample_value("carvalue_shadow_version") == 0
