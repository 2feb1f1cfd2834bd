"""Take a market from its sample to a priced vehicle, in a process of its own.

`MARKET=NAME python tests/market_program.py FOLDER` writes `result.json` into the folder.
"""

import json
import os
import sys
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
from fpdf import FPDF
from msgspec import convert
from streamlit.testing.v1 import AppTest

from carvalue.api import AnyExplainedQuote
from carvalue.listings import MARKET
from carvalue.listings.datasets.store import DatasetStore
from carvalue.pipelines.definitions import CREATES_DATASETS
from carvalue.pipelines.runner import run_pipeline
from carvalue.pricing import score_file
from carvalue.registry.gates import gather_evidence, run_gates
from carvalue.serving.app import create_app
from carvalue.settings import Settings, load_settings
from carvalue.web import link_preview, page
from carvalue.web.components import Valuation, certificate
from fakes import FakeRegistry
from markets import fit_small
from servers import serving
from waiting import until


def datasets(settings: Settings) -> dict[str, Path]:
    """Create the datasets of the market's sample."""
    run_pipeline(CREATES_DATASETS, settings, report=lambda _: None)
    store = DatasetStore(settings.storage_root / "datasets")
    return {name: store.path(name) for name in ("train", "validation", "test")}


def page_texts(url: str) -> dict[str, Any]:
    """Price the first example on the page; give what a visitor reads."""
    shown = AppTest.from_file(page.__file__, default_timeout=60).run()
    next(button for button in shown.button if button.proto.type == "tertiary").click().run()
    kinds = (shown.title, shown.subheader, shown.markdown, shown.caption, shown.error)
    labels = [item.label for item in (*shown.text_input, *shown.selectbox)]
    return {
        "texts": [item.value.replace("\\", "") for kind in kinds for item in kind],
        "labels": labels,
        "exceptions": [item.value for item in shown.exception],
    }


def certificate_texts(explained: dict[str, Any]) -> list[str]:
    """Write the certificate of the first example; give the texts in the document."""
    texts: list[str] = []

    class Recorded(FPDF):
        def cell(self, *arguments: Any, **options: Any) -> Any:
            texts.append(str(arguments[2]))
            return super().cell(*arguments, **options)

        def multi_cell(self, *arguments: Any, **options: Any) -> Any:
            texts.append(str(arguments[2]))
            return super().multi_cell(*arguments, **options)

    valuation = Valuation(listing=dict(MARKET.examples[0]), explained=convert(explained, AnyExplainedQuote))
    certificate.FPDF = Recorded  # type: ignore[misc]
    certificate.certificate_pdf(valuation, link="https://prices.example", source="", today=date(2026, 11, 29))
    return texts


def main(folder: Path) -> dict[str, Any]:
    """Run every step; the result is printed as JSON."""
    files = datasets(load_settings())
    for name, path in files.items():
        (folder / f"{name}.parquet").write_bytes(path.read_bytes())
    bundle = fit_small(folder)
    evidence = gather_evidence(
        bundle=bundle, train=folder / "train.parquet", test=folder / "test.parquet", champion=None
    )
    decision = run_gates(evidence)
    registry = FakeRegistry()
    registry.promote(bundle, version=1)
    example = dict(MARKET.examples[0])
    cars = pl.DataFrame([example, example | {"odometer": "12.500 km"}], strict=False)
    cars.cast(pl.String).write_csv(folder / "vehicles.csv")
    score_file(
        folder / "vehicles.csv", model=evidence.model, into=folder / "scored.csv", progress=lambda _: None
    )
    with serving(create_app(load_settings(), registry=registry)) as client:
        until(lambda: client.get("/readyz").is_success)
        os.environ["SERVICE_URL"] = str(client.base_url).rstrip("/")
        variants = [{}, *({name: value} for name, value in (("power_kw", 200), ("abs", "no")))]
        batch = client.post(
            "/predict/batch",
            content=(folder / "vehicles.csv").read_bytes(),
            headers={"content-type": "text/csv"},
        )
        explained = client.post("/explain", json=example).raise_for_status().json()
        return {
            "gates": {gate.name: [gate.passed, gate.message] for gate in decision.gates},
            "explained": explained,
            "certificate": certificate_texts(explained),
            "preview": link_preview.DEFAULT,
            "variants": [
                client.post("/predict", json=example | variant).raise_for_status().json()["price"]
                for variant in variants
            ],
            "options": client.get("/options").json(),
            "model": client.get("/model").json(),
            "openapi": client.get("/openapi.json").text,
            "batch": batch.text,
            "scored": pl.read_csv(folder / "scored.csv").to_dicts(),
            "page": page_texts(os.environ["SERVICE_URL"]),
        }


if __name__ == "__main__":
    target = Path(sys.argv[1])
    (target / "result.json").write_text(json.dumps(main(target), default=str), encoding="utf-8")
