"""Measure what the last fit on all listings is worth: `python -m benchmarks.rolling_origin LISTINGS EVERY`.

LISTINGS is the clean table (`listings.parquet`); one in EVERY cars is used. From each origin in time, the
earlier listings are split and fitted as the pipelines do. The model that was evaluated (without the newest
15 %) and the refitted one quote the cars that are advertised for the first time after the origin; no fit and
no choice has seen those.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from benchmarks.results import save

from carvalue.listings.datasets import split
from carvalue.pricing import PriceModel
from carvalue.pricing.bundle import Provenance
from carvalue.pricing.evaluation import price_scores, range_scores, winkler_score
from carvalue.pricing.training import LocalBackend, SearchResult, train_model
from carvalue.pricing.training.assembly import calibrated, refitted
from carvalue.pricing.training.encoding import in_memory
from carvalue.pricing.training.search import INITIAL_PARAMS
from carvalue.pricing.training.train import refit_by

ORIGINS = ((0.70, 0.85), (0.85, 1.0))
"""Shares of the listings by time: the origin, and the end of the listings that are quoted."""
TUNED = SearchResult(params=INITIAL_PARAMS, error=0.0, rounds=300, budget="default", trials=0, seconds=0.0)
NEWEST = ("test", "reposts")
PROVENANCE = Provenance(
    data_source="file", source_description="listings", dataset_fingerprint="", git_commit="unknown"
)


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The listings before an origin as files of splits, and the cars after it."""

    share: float
    folder: Path
    later: pl.DataFrame

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files of the listings before the origin."""
        return tuple(self.folder / f"{name}.parquet" for name in ("train", "validation", *NEWEST))


def main(listings: Path, *, every: int) -> None:
    """Fit and score at each origin, print each row, and write `results/rolling_origin.json`."""
    table = pl.read_parquet(listings).filter(pl.col("car").cast(pl.UInt64) % every == 0)
    rows = [row for part in ORIGINS for row in measure(table, *part)]
    command = f"python -m benchmarks.rolling_origin LISTINGS {every}"
    save(
        "rolling_origin",
        {"unseen cars after the origin": rows},
        command=command,
        model="fitted at each origin",
    )


def measure(table: pl.DataFrame, share: float, end: float) -> Iterator[dict[str, str]]:
    """Yield a row for each model of one origin."""
    with TemporaryDirectory() as folder:
        origin = prepare(table, share, end, folder=Path(folder))
        evaluated = train_model(
            tuned=TUNED,
            train=origin.paths[0],
            validation=origin.paths[1],
            provenance=PROVENANCE,
            trained_at=datetime.now(UTC),
            into=origin.folder / "evaluated",
        )
        yield row("without the newest 15 %", evaluated, origin)
        newest = calibrated(evaluated, in_memory(pl.read_parquet(origin.folder / "test.parquet")))
        yield row("the same, range calibrated on the newest 15 %", newest, origin)
        rows = [pl.scan_parquet(path).select(pl.len()).collect().item() for path in origin.paths]
        for name, growth in (("the same rounds", 1.0), ("rounds in proportion", sum(rows) / sum(rows[:2]))):
            model = refit(evaluated, origin, growth=growth)
            yield row(f"all listings, {name}", model, origin)
            recoded = newest.intervals.recoded(old=newest.encoder, new=model.encoder)
            yield row(
                f"all listings, {name}, range calibrated on the newest 15 %",
                replace(model, intervals=recoded),
                origin,
            )


def prepare(table: pl.DataFrame, share: float, end: float, *, folder: Path) -> Origin:
    """Split the listings before the origin into files, and choose the cars that appear after it."""
    moments = table["posted_at"].sort()
    start, stop = moments[int(len(moments) * share)], moments[min(int(len(moments) * end), len(moments) - 1)]
    history = table.filter(pl.col("posted_at") < start)
    history.write_parquet(folder / "listings.parquet")
    split(folder / "listings.parquet", into=folder)
    later = table.filter(pl.col("posted_at").is_between(start, stop))
    later = later.join(history.select("car").unique(), on="car", how="anti")
    return Origin(share=share, folder=folder, later=later)


def refit(evaluated: PriceModel, origin: Origin, *, growth: float) -> PriceModel:
    """Fit the evaluated model again on all listings before the origin, with its own price range."""
    params = {**evaluated.card.params, "rounds": evaluated.card.params["rounds"] * growth}
    grown = replace(evaluated, card=replace(evaluated.card, params=params))
    rows = in_memory(pl.concat(map(pl.read_parquet, origin.paths)))
    return refitted(grown, rows=rows, refit=refit_by(LocalBackend(), grown, rows))


def row(name: str, model: PriceModel, origin: Origin) -> dict[str, str]:
    """Score a model on the cars after the origin; print the row."""
    asking = origin.later["price"].cast(pl.Float64).to_numpy()
    quotes = model.quote_frame(origin.later)
    price, low, high = (quotes[column].cast(pl.Float64).to_numpy() for column in ("price", "low", "high"))
    scores = price_scores(asking=asking, quoted=price)
    ranges = range_scores(asking=asking, quoted=price, low=low, high=high)
    values = {
        "origin": f"{origin.share:.0%}",
        "cars": f"{len(asking):,}",
        "fitted on": name,
        "median error": f"{scores['mdape']:.2%}",
        "mean error": f"${scores['mae']:,.0f}",
        "within 20 %": f"{scores['within_20']:.1%}",
        "coverage": f"{ranges['coverage']:.1%}",
        "width": f"{ranges['width']:.1%}",
        "median width": f"{ranges['median_width']:.1%}",
        "Winkler score": f"${winkler_score(asking=asking, low=low, high=high):,.0f}",
    }
    print(values, flush=True)
    return values


if __name__ == "__main__":
    main(Path(sys.argv[1]), every=int(sys.argv[2]))
