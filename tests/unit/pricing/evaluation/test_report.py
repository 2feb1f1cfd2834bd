"""The model card contains data, dates, scores and limits."""

from pathlib import Path

import polars as pl

from carvalue.pricing.bundle.model_card import LIMITS
from carvalue.pricing.evaluation.evaluate import evaluate_bundle
from carvalue.pricing.model import PriceModel


def test_the_card_gives_data_dates_figures_and_limits(bundle: Path, tmp_path: Path) -> None:
    files = {name: bundle.parent / f"{name}.parquet" for name in ("train", "test")}

    found = evaluate_bundle(bundle=bundle, **files, into=tmp_path)

    card = (tmp_path / "MODEL_CARD.md").read_text()
    posted = pl.read_parquet(files["test"])["posted_at"]
    slices = pl.read_csv(tmp_path / "slices.csv")
    worst = slices.sort("mdape", descending=True).row(0, named=True)
    assert "a small market (file), fingerprint `f00d`" in card
    assert "2,000 train, 400 validation rows; the newest listing is from 2021-04-05" in card
    assert f"posted {posted.min():%Y-%m-%d} to {posted.max():%Y-%m-%d}" in card
    assert (
        f"| median absolute percentage error | {found.metrics['mdape']:.1%} | {found.baseline['mdape']:.1%} |"
        in card
    )
    assert f"- {worst['slice']} {worst['value']}: median error {worst['mdape']:.1%}" in card
    assert f"{slices.filter(pl.col('slice') == 'make')['coverage'].min():.1%}" in card
    assert f"| continuous ranked probability score (CRPS) | ${found.metrics['crps']:,.0f} |" in card
    assert f"| width of the range over the quote, median | {found.metrics['median_width']:.0%} |" in card
    grades = PriceModel.load(bundle).quote_frame(pl.read_parquet(files["test"]))["support_grade"]
    many = int((grades == "many").sum())
    assert f"| many | {many:,} | {many / len(grades):.1%} |" in card
    pit = pl.read_csv(tmp_path / "pit.csv")
    assert f"| asking prices | {pit['share'][0]:.1%} | {pit['share'][1]:.1%} |" in card
    assert all(limit in card for limit in LIMITS)
    assert "hyperparameter search: 1 of 8 planned trials: the time limit ended it" in card
    assert "in production" not in card
