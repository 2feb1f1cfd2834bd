"""Compute machines and costs for large loads from measured unit costs: `python -m benchmarks.capacity`.

Reads the results files of other benchmarks, which must have measured the same program, and writes
`results/capacity.json`. Costs are those of AWS as `docs/how-to/deploy-aws.md` describes it. One core of the
machine that measured counts as one vCPU of AWS.
"""

import argparse
import asyncio
import io
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.results import RESULTS, is_same_program, save

from carvalue.serving.middleware import AccessLog

# List prices of us-east-1 in US dollars, on demand, arm64, as published between March and June 2026
VCPU_HOUR, GB_HOUR = 0.03238, 0.00356  # Fargate
DATABASE_VCPU_HOUR = 0.084  # db.m7g.large has two for 0.168
DATABASE_GB_MONTH = 0.115  # gp3
LOAD_BALANCER_HOUR, LCU_HOUR, CONNECTIONS_PER_LCU = 0.0225, 0.008, 25
LOG_GB = 0.5
HOURS = 730  # of a month
SECONDS_OF_A_DAY = 86_400

# Sizes of `deploy/aws/services.tf` and `variables.tf`
SERVICE_VCPU, SERVICE_GB, SERVICE_COPIES, SERVICE_MAX_COPIES = 0.5, 1, 2, 6
WATCHER_VCPU, WATCHER_GB = 0.5, 2
WORKER_GB = 4  # of a Dask worker with one vCPU
DISK_GB = 100  # five times the initial size, to which it grows by itself
SMALL_DATABASE_VCPU = 0.2  # db.t4g.micro: two, of each a tenth without spending credits

UTILISATION = 0.6  # that the autoscaler keeps
KEPT_DAYS = 30
RATES = (1_000, 10_000)
LISTINGS = 100_000_000
SOURCES = ("scale", "sustained", "scoring", "cluster")


def main() -> None:
    """Compute and write the results."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    results = {name: json.loads((RESULTS / f"{name}.json").read_text()) for name in SOURCES}
    commit = common_commit(results)
    values = capacity({name: content["values"] for name, content in results.items()})
    save(
        "capacity",
        values,
        command="python -m benchmarks.capacity",
        model=results["sustained"]["model"],
        commit=commit,
    )


def common_commit(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the commit of the program that all results files measured, or exit if there are several."""
    commits = {name: content["commit"] for name, content in results.items()}
    first = next(iter(commits.values()))
    if not all(is_same_program(first, commit) for commit in commits.values()):
        sys.exit(f"These results files are of different programs; measure them again: {commits}")
    return first


def capacity(measured: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """Compute all tables.

    Args:
        measured: The values of each results file in `SOURCES`.

    Returns:
        Unit costs, the limits of the default sizes, machines for `RATES`, and the work of `LISTINGS`.
    """
    costs = unit_costs(measured)
    return {
        "a quote costs": costs,
        "limits": limits(costs),
        "machines": [row for rate in RATES for row in machines(costs, rate=rate)],
        "listings": list(work(measured, listings=LISTINGS)),
    }


def unit_costs(measured: Mapping[str, Mapping[str, Any]]) -> Mapping[str, int]:
    """Return what one quote costs each part: microseconds of CPU, and bytes."""
    windows = measured["sustained"]["windows"]
    quotes = sum(window["quotes"] for window in windows)
    parts = {"services": "price service", "PostgreSQL": "PostgreSQL", "watcher": "watcher"}
    cpu = {
        f"CPU us, {name}": round(
            sum(window["quotes"] * window[f"CPU us per quote, {part}"] for window in windows) / quotes
        )
        for part, name in parts.items()
    }
    sizes = {
        "bytes of the journal": measured["scale"]["bytes per quote"],
        "bytes of the log": asyncio.run(_log_bytes()),
    }
    return cpu | sizes


def limits(costs: Mapping[str, int]) -> Sequence[Mapping[str, str]]:
    """Return the rates at which the parts of the default deployment are full, the lowest first."""
    service, database, watcher = (
        costs[f"CPU us, {part}"] for part in ("price service", "PostgreSQL", "watcher")
    )
    stored_per_rate = costs["bytes of the journal"] * SECONDS_OF_A_DAY * KEPT_DAYS
    found = [
        (
            DISK_GB * 1e9 / stored_per_rate,
            f"the journal's disk of {DISK_GB} GB holds {KEPT_DAYS} days",
            "`JOURNAL_KEEP_DAYS` and the archive, `database_storage_gb`",
        ),
        (
            UTILISATION * SERVICE_COPIES * SERVICE_VCPU * 1e6 / service,
            f"{SERVICE_COPIES} copies of the price service",
            "the autoscaler adds copies",
        ),
        (
            UTILISATION * SERVICE_MAX_COPIES * SERVICE_VCPU * 1e6 / service,
            f"{SERVICE_MAX_COPIES} copies of the price service",
            "`service_max_copies`",
        ),
        (
            SMALL_DATABASE_VCPU * 1e6 / database,
            "PostgreSQL on db.t4g.micro without CPU credits",
            "`database_class`",
        ),
        (
            WATCHER_VCPU * 1e6 / watcher,
            f"the watcher with {WATCHER_VCPU} vCPU",
            "`sizes` of the watcher: 1 vCPU",
        ),
        (
            1e6 / watcher,
            "the watcher's process, which uses one core",
            "none: it reads the quotes late",
        ),
    ]
    return [
        {"quotes/s": f"{rate:,.0f}", "what is full": part, "remedy": remedy}
        for rate, part, remedy in sorted(found)
    ]


def machines(costs: Mapping[str, int], *, rate: int) -> Iterator[Mapping[str, str]]:
    """Yield what each part needs for a number of quotes per second, and its price per month."""
    quotes_per_month = rate * SECONDS_OF_A_DAY * HOURS / 24

    def row(part: str, size: str, dollars: float) -> Mapping[str, str]:
        return {"quotes/s": f"{rate:,}", "part": part, "size": size, "$ a month": f"{dollars:,.0f}"}

    def cores(part: str) -> float:
        return rate * costs[f"CPU us, {part}"] / 1e6 / UTILISATION

    copies = math.ceil(cores("price service") / SERVICE_VCPU)
    service = HOURS * (SERVICE_VCPU * VCPU_HOUR + SERVICE_GB * GB_HOUR)
    database = 2 ** max(1, math.ceil(math.log2(cores("PostgreSQL"))))
    watcher = cores("watcher") * UTILISATION  # no burst to expect: it reads at its own pace
    kept_gb = costs["bytes of the journal"] * rate * SECONDS_OF_A_DAY * KEPT_DAYS / 1e9
    log_gb = costs["bytes of the log"] * quotes_per_month / 1e9
    units = rate / CONNECTIONS_PER_LCU
    rows = [
        row("price service", f"{copies} copies of {SERVICE_VCPU} vCPU and {SERVICE_GB} GB", copies * service),
        row("PostgreSQL", f"{database} vCPU", database * DATABASE_VCPU_HOUR * HOURS),
        row("journal", f"{kept_gb:,.0f} GB for {KEPT_DAYS} days", kept_gb * DATABASE_GB_MONTH),
        row(
            "watcher",
            f"{watcher:.1f} vCPU and {WATCHER_GB} GB"
            + (", of which it can use 1 vCPU" if watcher > 1 else ""),
            HOURS * (watcher * VCPU_HOUR + WATCHER_GB * GB_HOUR),
        ),
        row(
            "load balancer",
            f"{units:,.0f} capacity units, if each quote has a connection of its own",
            HOURS * (LOAD_BALANCER_HOUR + units * LCU_HOUR),
        ),
        row("access log", f"{log_gb:,.0f} GB", log_gb * LOG_GB),
    ]
    yield from rows
    yield row("together", "", sum(float(row["$ a month"].replace(",", "")) for row in rows))


def work(measured: Mapping[str, Mapping[str, Any]], *, listings: int) -> Iterator[Mapping[str, str]]:
    """Yield the vCPU hours of each step for a number of listings, in proportion to the measured ones."""

    def row(step: str, hours: float) -> Mapping[str, str]:
        dollars = hours * (VCPU_HOUR + WORKER_GB * GB_HOUR)
        return {
            "listings": f"{listings:,}",
            "step": step,
            "vCPU hours": f"{hours:,.1f}",
            "$": f"{dollars:,.2f}",
        }

    for step in measured["cluster"]["steps"]:
        if step["on"] == "two workers":
            times = listings / int(step["listings"].replace(",", ""))
            yield row(step["step"], times * step["CPU s"] / 3600)
    yield row("score a file", listings / measured["scoring"]["rows per CPU second"] / 3600)


async def _log_bytes() -> int:
    """Return the length of the line that the price service logs for a quote."""
    stream = io.StringIO()
    log = AccessLog(stream)
    log.add(
        request_id="0" * 32,
        trace_id="0" * 32,
        span_id="0" * 16,
        client="web",
        method="POST",
        route="/v1/predict",
        status=200,
        seconds=0.001,
        size=2000,
    )
    log.flush()
    return len(stream.getvalue())


if __name__ == "__main__":
    main()
