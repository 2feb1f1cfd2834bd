"""Alarms on simulated visitors.

Run `python benchmarks/drift/mixtures.py DATASETS WORK [--requests N] [--mixture NAME]`.

Nothing drifts, so every alarm is false. Requests are made from the listings that the model has not learned
from, and quoted by it. They take the way that the watcher gives them: channel, repeats and shares, then the
detector.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl
from scipy.stats import chi2

sys.path += [str(Path(__file__).parents[2]), str(Path(__file__).parent)]

from benchmarks.results import describe_model, save
from noting import NotingDetector
from streams import Streams, streams
from visitors import MIXTURES, requests

from carvalue.monitoring.channels import channel_of
from carvalue.monitoring.channels.visits import VisitFilter
from carvalue.monitoring.drift import calibrate
from carvalue.monitoring.drift.frames import reference_frame
from carvalue.monitoring.drift.profile import ReferenceProfile
from carvalue.monitoring.drift.thresholds import NullDistribution

REQUESTS, SEEDS, PORTION = 300_000, (11, 21, 22), 20_000


def main() -> None:
    """Measure the chosen mixtures and save the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("datasets", type=Path, help="folder with train, validation and test.parquet")
    parser.add_argument("work", type=Path, help="where the model trained for this is kept")
    parser.add_argument("--requests", type=int, default=REQUESTS, help="for each of three seeds")
    parser.add_argument("--mixture", choices=MIXTURES, nargs="+", default=tuple(MIXTURES))
    chosen = parser.parse_args()
    prepared = streams(chosen.datasets, regime="consecutive", work=chosen.work)
    calibrated = calibrate(prepared.reference)
    rows = []
    for name in chosen.mixture:
        rows.append(measure(prepared, calibrated, name, chosen.requests))
        print(rows[-1], flush=True)
        save(
            "drift_visitors",
            {"rows": rows},
            command=f"python benchmarks/drift/mixtures.py DATASETS WORK --requests {chosen.requests}",
            model=describe_model(chosen.work / "consecutive" / "bundle"),
        )


def measure(
    prepared: Streams, calibrated: tuple[ReferenceProfile, NullDistribution], name: str, count: int
) -> Mapping[str, object]:
    """Count the alarms on one mixture: on as many requests for each of the seeds."""
    runs = [_measure_once(prepared, calibrated, name, count, seed) for seed in SEEDS]
    totals = {key: sum(run[key] for run in runs) for key in ("requests", "days", "counted", "alarms")}
    bound = round(_bound(totals["alarms"]) / totals["requests"] * 1e5, 2)
    return {"mixture": name, "channels": runs[0]["channels"], **totals, "at most per 100,000 (95 %)": bound}


def _measure_once(
    prepared: Streams,
    calibrated: tuple[ReferenceProfile, NullDistribution],
    name: str,
    count: int,
    seed: int,
) -> Mapping[str, int]:
    asked = requests(prepared.listings, MIXTURES[name], rows=count, seed=seed)
    quoted = pl.concat(
        [_quote(prepared, asked[start : start + PORTION]) for start in range(0, count, PORTION)]
    )
    channels = [channel_of(*pair) for pair in zip(quoted["route"], quoted["client"], strict=True)]
    parts = quoted.with_columns(channel=pl.Series(channels)).partition_by("channel", maintain_order=True)
    counted = alarms = 0
    for part in parts:
        channel = part["channel"][0]
        evidence = VisitFilter(channel).choose(part)
        found = [*_alarms(NotingDetector(*calibrated), evidence)]
        counted, alarms = counted + len(evidence), alarms + len(found)
    days = (quoted["quoted_at"].max() - quoted["quoted_at"].min()).days  # type: ignore[operator,union-attr]
    return {
        "requests": count,
        "days": days,
        "channels": len(parts),
        "counted": counted,
        "alarms": alarms,
    }


def _bound(alarms: int) -> float:
    """The largest mean number of alarms that is compatible with those seen (one-sided, 95 %, exact)."""
    return float(chi2.isf(0.05, 2 * (alarms + 1)) / 2)


def _quote(prepared: Streams, asked: pl.DataFrame) -> pl.DataFrame:
    frame = reference_frame(asked, prepared.model)
    return frame.with_columns(asked["quoted_at"], asked["client"], route=asked["channel"])


def _alarms(detector: NotingDetector, rows: pl.DataFrame) -> Iterator[int]:
    was_confirmed = False
    for start in range(0, len(rows), PORTION):
        detector.noted.clear()
        detector.add(rows[start : start + PORTION])
        for row, is_confirmed in detector.noted:
            if is_confirmed and not was_confirmed:
                yield row
            was_confirmed = is_confirmed


if __name__ == "__main__":
    main()
