"""Measure how often the cause of a change and its effect on prices are identified correctly.

Run `python benchmarks/drift/causes.py DATASETS WORK`.

200 changes are injected into a channel: fields that break, programs that break, and other cars. The truth
about prices comes from the model itself: what the same cars cost with and without the broken field, and how
far off the asking price the other cars are. The channel has 3,000 unchanged requests before the change, and
2,500 after it. The first diagnosis is that of the alarm, the last one that after all requests.
"""

import random
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

sys.path += [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

from benchmarks.results import save
from streams import Streams, streams

from carvalue.monitoring.channels import Cause, diagnose
from carvalue.monitoring.drift import Detector, calibrate
from carvalue.monitoring.drift.effects import measure_effects
from carvalue.monitoring.drift.frames import reference_frame

CASES, BEFORE, AFTER, SEED = 200, 3_000, 2_500, 7
START = pl.datetime(2026, 11, 1, time_zone="UTC")
Change = Callable[[pl.DataFrame], pl.DataFrame]

BROKEN: Mapping[str, Change] = {
    "mileage missing": lambda rows: rows.with_columns(odometer=pl.lit(None, dtype=rows["odometer"].dtype)),
    "mileage in km": lambda rows: rows.with_columns((pl.col("odometer") * 1.609).round().cast(pl.Int32)),
    "mileage in thousands": lambda rows: rows.with_columns(
        (pl.col("odometer") / 1000).round().cast(pl.Int32)
    ),
    "year + 3": lambda rows: rows.with_columns(pl.col("year") + 3),
    "condition missing": lambda rows: rows.with_columns(condition=pl.lit(None, dtype=pl.String)),
    "everything in Texas": lambda rows: rows.with_columns(state=pl.lit("tx")),
    "diesel sent as gas": lambda rows: rows.with_columns(pl.col("fuel").replace("diesel", "gas")),
    "make with a code": lambda rows: rows.with_columns(manufacturer=pl.lit("mk-") + pl.col("manufacturer")),
    "title always clean": lambda rows: rows.with_columns(title_status=pl.lit("rebuilt")),
    "drive missing": lambda rows: rows.with_columns(drive=pl.lit(None, dtype=pl.String)),
}
OTHER_CARS: Mapping[str, pl.Expr] = {
    "cars before 2005": pl.col("year") < 2005,
    "cars from 2017": pl.col("year") >= 2017,
    "pickups and trucks": pl.col("type").is_in(["pickup", "truck"]),
    "over 140,000 miles": pl.col("odometer") > 140_000,
    "cheap cars": pl.col("asking_price") < 6_000,
    "dear cars": pl.col("asking_price") > 28_000,
    "cars before 1998": pl.col("year") < 1998,
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One injected change, and the truth about it."""

    name: str
    channel: str
    cause: Cause
    affects_prices: bool
    rows: pl.DataFrame


def main(datasets: Path, work: Path) -> None:
    """Inject all changes and save how many are identified correctly."""
    prepared = streams(datasets, regime="consecutive", work=work)
    profile, null = calibrate(prepared.reference)
    cars = prepared.listings.with_columns(asking_price=pl.col("price").cast(pl.Float64))
    effects = measure_effects(prepared.listings, prepared.model)
    results = []
    for case in cases(prepared, cars):
        detector = Detector(profile, null)
        found = []
        for start in range(0, len(case.rows), 250):
            detector.add(case.rows[start : start + 250])
            report = detector.report()
            if report.state == "confirmed" and start >= BEFORE:
                found.append(diagnose(case.channel, report, effects=effects))
        judged = {f"{when} {what}": False for when in ("first", "last") for what in ("cause", "harm")}
        for when, diagnosis in zip(("first", "last"), (found[:1] + found[-1:]), strict=False):
            judged[f"{when} cause"] = diagnosis.cause == case.cause
            judged[f"{when} harm"] = diagnosis.affects_prices == case.affects_prices
        results.append({"change": case.name, "found": bool(found), **judged})
        print(case.name, case.cause.value, case.affects_prices, judged, flush=True)
    judgements = pl.col("found", "first cause", "first harm", "last cause", "last harm")
    table = (
        pl.DataFrame(results)
        .group_by("change", maintain_order=True)
        .agg(pl.len().alias("cases"), judgements.sum())
    )
    values = {
        "cases": len(results),
        **{
            f"right {when}": sum(item[f"{when} cause"] and item[f"{when} harm"] for item in results)
            for when in ("first", "last")
        },
        "rows": table.to_dicts(),
    }
    save(
        "drift_causes",
        values,
        command="python benchmarks/drift/causes.py DATASETS WORK",
        model="a model of the first half of the listings, quick budget",
    )


def cases(prepared: Streams, cars: pl.DataFrame) -> Iterator[Case]:
    """Give every case."""
    places = random.Random(SEED)  # noqa: S311  # no secret
    names = [*BROKEN, *OTHER_CARS]
    for number in range(CASES):
        name = names[number % len(names)]
        start = places.randint(0, len(cars) - 2 * (BEFORE + AFTER) - 1)
        before = cars[start : start + BEFORE]
        yield _case(prepared, cars, name, before=before, start=start + BEFORE, is_program=number % 2 == 0)


def _case(
    prepared: Streams, cars: pl.DataFrame, name: str, *, before: pl.DataFrame, start: int, is_program: bool
) -> Case:
    channel = "api/shop" if is_program else "page"
    clean = reference_frame(before, prepared.model)
    if name in OTHER_CARS:
        after = cars[start:].filter(OTHER_CARS[name])[:AFTER]
        after = after if len(after) == AFTER else cars.filter(OTHER_CARS[name])[:AFTER]
        quoted = reference_frame(after, prepared.model)
        errors = [
            float((rows["price"] / asking_price - 1).abs().median())
            for rows, asking_price in ((quoted, after["asking_price"]), (clean, before["asking_price"]))
        ]  # type: ignore[arg-type]
        cause, affected = Cause.OTHER_CARS, errors[0] / errors[1] >= 1.25
    else:
        right = cars[start : start + AFTER]
        wrong = BROKEN[name](right)
        quoted = reference_frame(wrong, prepared.model)
        correct = reference_frame(right, prepared.model)
        affected = float(np.abs(quoted["price"].to_numpy() / correct["price"].to_numpy() - 1).mean()) >= 0.02
        cause = Cause.PROGRAM_BROKE if is_program else Cause.FIELD_BROKE
    rows = pl.concat([clean, quoted.cast(dict(clean.schema))])
    timed = rows.with_columns(quoted_at=START + pl.duration(seconds=pl.int_range(pl.len())))
    return Case(name=name, channel=channel, cause=cause, affects_prices=affected, rows=timed)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
