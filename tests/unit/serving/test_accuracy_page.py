"""The public page about accuracy: anyone reads it, and it follows each promotion and rollback."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import httpx
import pytest

from carvalue.pricing.bundle import Accuracy, EarlierVersion, GroupAccuracy, ModelCard
from carvalue.pricing.model import PriceModel
from carvalue.serving.app import create_app
from carvalue.serving.auth.api_keys import KeyFile
from carvalue.serving.http import render_accuracy
from carvalue.settings import Settings
from fakes import FakeRegistry
from servers import serving
from waiting import until

ACCURACY = Accuracy(
    tested_from=date(2021, 4, 1),
    tested_to=date(2021, 4, 5),
    unseen={"mdape": 0.118, "within_5": 0.24, "within_10": 0.44, "within_20": 0.7, "coverage": 0.893}
    | {"rows": 1_234},
    new={"mdape": 0.094, "rows": 2_345},
    noise_floor={"gap": 0.143, "lower": 0.079, "upper": 0.108, "error": 0.099, "twins": 400},
    by_price=(
        GroupAccuracy(name="0", rows=700, mdape=0.21, within_20=0.48, coverage=0.881),
        GroupAccuracy(name="5000", rows=400, mdape=0.11, within_20=0.72, coverage=0.902),
        GroupAccuracy(name="40000", rows=134, mdape=0.087, within_20=0.8, coverage=0.874),
    ),
    by_support=(
        GroupAccuracy(name="many", rows=1_100, mdape=0.1, within_20=0.75, coverage=0.9),
        GroupAccuracy(name="none", rows=134, mdape=0.29, within_20=0.37, coverage=0.876),
    ),
    earlier=(EarlierVersion(name="version <2>", data_as_of=date(2021, 3, 9), mdape=0.127, coverage=0.886),),
)


def with_accuracy(bundle: Path, into: Path, accuracy: Accuracy | None) -> Path:
    model = PriceModel.load(bundle)
    replace(model, card=replace(model.card, accuracy=accuracy)).save(into)
    return into


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()


@pytest.fixture
def visitor(registry: FakeRegistry, tmp_path: Path) -> Iterator[httpx.Client]:
    """A visitor without a key, of a service that has keys."""
    settings = Settings(state_dir=tmp_path / "state", service_keys_file=tmp_path / "keys")
    KeyFile(settings.service_keys_file).add("shop", today=date(2026, 11, 24))
    with serving(create_app(settings, registry=registry)) as client:
        yield client


def test_anyone_reads_the_figures_of_the_version_in_production(
    visitor: httpx.Client, registry: FakeRegistry, bundle: Path, tmp_path: Path
) -> None:
    assert visitor.get("/accuracy").status_code == 503
    registry.promote(with_accuracy(bundle, tmp_path / "with", ACCURACY), version=3)
    until(lambda: visitor.get("/readyz").is_success)

    answer = visitor.get("/accuracy")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert visitor.get("/model").status_code == 401
    figures = (
        "11.8%",
        "24% within 5%",
        "44% within 10%",
        "70% within 20%",
        "89.3%",
        "1,234",
        "2,345",
        "9.4%",
    )
    for text in (*figures, "14.3%", "7.9%", "10.8%", "below $5,000", "$40,000 and more", "Version 3"):
        assert text in answer.text, text
    assert "<td>we know no such car</td><td>134</td><td>29.0%</td><td>37%</td><td>87.6%</td>" in answer.text
    assert "<td>version &lt;2&gt;</td><td>9 March 2021</td><td>12.7%</td><td>88.6%</td>" in answer.text
    assert "<script" not in answer.text


def test_a_promotion_and_a_rollback_replace_the_page(
    visitor: httpx.Client, registry: FakeRegistry, bundle: Path, cheaper_bundle: Path, tmp_path: Path
) -> None:
    registry.promote(with_accuracy(bundle, tmp_path / "first", ACCURACY), version=3)
    until(lambda: "Version 3" in visitor.get("/accuracy").text)

    better = replace(ACCURACY, unseen={**ACCURACY.unseen, "mdape": 0.103})
    registry.promote(with_accuracy(cheaper_bundle, tmp_path / "second", better), version=4)
    until(lambda: "Version 4" in visitor.get("/accuracy").text)
    assert "10.3%" in visitor.get("/accuracy").text

    registry.set_champion(3)
    until(lambda: "Version 3" in visitor.get("/accuracy").text)
    assert "10.3%" not in visitor.get("/accuracy").text


def test_a_version_of_an_earlier_release_shows_the_figures_that_it_has(bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(bundle, tmp_path / "old")
    assert "accuracy" not in json.loads((tmp_path / "old" / "card.json").read_text())
    card = PriceModel.load(tmp_path / "old").card

    page = render_accuracy(card, version="2")

    assert f"{card.metrics['mdape']:.1%}" in page
    assert "measured by an earlier release" in page
    assert "<table" not in page


def test_a_card_keeps_its_accuracy(bundle: Path) -> None:
    card = replace(PriceModel.load(bundle).card, accuracy=ACCURACY)

    assert ModelCard.from_json(json.loads(json.dumps(card.as_json()))) == card


def test_strangers_read_no_host_of_the_source_but_that_advertisements_were_invented(bundle: Path) -> None:
    description = "bundled sample (Kaggle cannot be reached: HTTPSConnection(host='api.kaggle.com'))"
    card = replace(
        PriceModel.load(bundle).card, accuracy=ACCURACY, data_source="sample", source_description=description
    )

    page = render_accuracy(card, version="2")

    assert "HTTPSConnection" not in page
    assert "invented advertisements" in page
    assert "invented" not in render_accuracy(replace(card, data_source="file"), version="2")
