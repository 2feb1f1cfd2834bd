"""Sales correct the ranges that the service answers, in every way of asking, and never a price."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from carvalue.journal import Journal
from carvalue.pricing.intervals import NO_CORRECTION, RangeCorrection
from carvalue.serving.app import create_app
from carvalue.serving.model import stored_correction
from carvalue.settings import Settings
from fakes import FakeRegistry
from markets import a_market
from servers import serving
from waiting import until

LISTING = {"manufacturer": "ford", "model": "f-150", "year": 2015, "odometer": 80_000}
UP = RangeCorrection(level=0.08, log_scale=0.01)


class Stage:
    """A running service, and its journal as the watcher sees it."""

    def __init__(self, client: httpx.Client, registry: FakeRegistry, journal: Journal) -> None:
        self.client, self.registry, self.journal = client, registry, journal

    def quote(self) -> dict[str, int]:
        quote: dict[str, int] = self.client.post("/predict", json=LISTING).raise_for_status().json()
        return quote

    def correct(self, correction: RangeCorrection, *, version: str = "1") -> None:
        self.journal.set_range_correction(
            model_version=version,
            level=correction.level,
            log_scale=correction.log_scale,
            sales=300,
            computed_at=datetime.now(UTC),
        )


@pytest.fixture
def stage(bundle: Path, tmp_path: Path) -> Iterator[Stage]:
    registry, settings = FakeRegistry(), Settings(state_dir=tmp_path)
    registry.promote(bundle, version=1)
    journal = Journal(settings.journal_url.get_secret_value())
    with serving(create_app(settings, registry=registry)) as client:
        until(lambda: client.get("/readyz").is_success)
        yield Stage(client, registry, journal)
    journal.close()


def test_every_answer_has_the_corrected_range_and_the_same_price(stage: Stage) -> None:
    before = stage.quote()
    assert "calibrated_low" not in before

    stage.correct(UP)
    until(lambda: "calibrated_low" in stage.quote())

    after = stage.quote()
    assert after["price"] == before["price"]
    assert (after["calibrated_low"], after["calibrated_high"]) == (before["low"], before["high"])
    assert before["low"] < after["low"] < after["price"]
    assert before["high"] < after["high"] < 1.101 * before["high"]
    explained = stage.client.post("/explain", json=LISTING).raise_for_status().json()["quote"]
    levels = stage.client.post("/distribution", json=LISTING).raise_for_status().json()["quantiles"]
    quantiles = {item["level"]: item["price"] for item in levels}
    batch = stage.client.post(
        "/predict/batch", content=json.dumps(LISTING), headers={"content-type": "application/x-ndjson"}
    )
    priced = json.loads(batch.raise_for_status().text)
    curve = stage.client.post("/curves?odometer=80000", json=LISTING).raise_for_status().json()["odometer"][0]
    ends = [(answer["low"], answer["high"]) for answer in (explained, priced, curve)]
    assert ends == [(after["low"], after["high"])] * 3
    assert (quantiles[0.05], quantiles[0.5], quantiles[0.95]) == (
        after["low"],
        after["price"],
        after["high"],
    )


def test_each_quote_records_the_range_as_it_was_calibrated(stage: Stage) -> None:
    before = stage.quote()
    stage.correct(UP)
    until(lambda: "calibrated_low" in stage.quote())
    listings = a_market(rows=20, seed=3).select("manufacturer", "model", "year", "odometer").to_dicts()
    lines = "\n".join(json.dumps(listing) for listing in listings)
    batch = stage.client.post(
        "/predict/batch", content=lines, headers={"content-type": "application/x-ndjson"}
    )

    stored = [stage.quote()["quote_id"], *(json.loads(line)["quote_id"] for line in batch.text.splitlines())]
    answers = [stage.client.get(f"/quotes/{quote_id}").raise_for_status().json() for quote_id in stored]
    entries = [stage.journal.quote(str(quote_id)) for quote_id in stored]

    assert entries[0].calibrated_range == (before["low"], before["high"])
    assert entries[0].low > before["low"]
    assert all(entry.calibrated_low is not None for entry in entries)
    assert [answer["quote"]["calibrated_low"] for answer in answers] == [
        entry.calibrated_low for entry in entries
    ]
    assert stage.journal.quote(str(before["quote_id"])).calibrated_low is None


def test_another_version_begins_without_a_correction(stage: Stage, cheaper_bundle: Path) -> None:
    stage.correct(UP)
    until(lambda: "calibrated_low" in stage.quote())

    stage.registry.promote(cheaper_bundle, version=2)
    until(lambda: str(stage.quote()["model_version"]) == "2")
    assert "calibrated_low" not in stage.quote()

    stage.correct(NO_CORRECTION)
    stage.registry.set_champion(1)
    until(lambda: str(stage.quote()["model_version"]) == "1")
    until(lambda: "calibrated_low" not in stage.quote())


def test_without_the_journal_the_last_correction_stays(tmp_path: Path) -> None:
    away = Journal(f"sqlite:///{tmp_path}")  # a folder is no database

    assert stored_correction(away, "1") is None
    assert stored_correction(Journal(f"sqlite:///{tmp_path}/journal.db"), "1") == NO_CORRECTION


@pytest.mark.parametrize(("level", "log_scale"), [(0.5, 0.0), (0.0, 1_000.0), (float("inf"), 0.0)])
def test_a_stored_correction_beyond_its_bounds_is_ignored(
    tmp_path: Path, level: float, log_scale: float
) -> None:
    journal = Journal(f"sqlite:///{tmp_path / 'journal.db'}")
    journal.set_range_correction(
        model_version="1", level=level, log_scale=log_scale, sales=300, computed_at=datetime.now(UTC)
    )

    assert stored_correction(journal, "1") == NO_CORRECTION
    journal.close()
