"""Run the queries of the dashboards on a Prometheus with recorded metrics."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from record import Samples, open_metrics

from carvalue.platform.processes import free_port
from carvalue.telemetry import rule_file
from carvalue.telemetry.objectives import BAD, BUDGET, ERRORS, OBJECTIVE, TOTAL
from production import answers, running
from waiting import until

DAY, STEP_S = timedelta(days=1), 300
LEVELS = ((OBJECTIVE, TOTAL, BAD), (ERRORS,), (BUDGET,))
"""The recording rules, each after those that it uses."""
CHOSEN = {"$window": "1h", "$instance": ".*", "$channel": ".*", "$__interval": f"{STEP_S}s"}
"""The variables of the dashboards, as a person would choose them for a day."""


@dataclass(frozen=True, kw_only=True)
class Series:
    """One series of a query's result.

    Attributes:
        labels: Its labels.
        times: Unix times.
        values: A value for each time.
    """

    labels: Mapping[str, str]
    times: tuple[float, ...]
    values: tuple[float, ...]


class Prometheus:
    """A running Prometheus with a recorded day.

    Args:
        address: Its URL.
        end: The end of the day.
    """

    def __init__(self, address: str, end: datetime) -> None:
        self.address, self.end = address, end

    def range(self, query: str) -> list[Series]:
        """Run a query over the day.

        Args:
            query: PromQL with the variables of the dashboards.

        Returns:
            The series of the result.
        """
        span = {"start": (self.end - DAY).timestamp(), "end": self.end.timestamp(), "step": STEP_S}
        return [_series(item["metric"], item["values"]) for item in self._ask("query_range", query, **span)]

    def newest(self, query: str) -> list[Series]:
        """Run a query at the end of the day.

        Args:
            query: PromQL with the variables of the dashboards.

        Returns:
            The series of the result, with one value each.
        """
        found = self._ask("query", query, time=self.end.timestamp())
        return [_series(item["metric"], [item["value"]]) for item in found]

    def _ask(self, route: str, query: str, **more: float) -> list[dict[str, Any]]:
        for name, value in CHOSEN.items():
            query = query.replace(name, value)
        answer = httpx.get(f"{self.address}/api/v1/{route}", params={"query": query, **more}, timeout=60)
        result: list[dict[str, Any]] = answer.raise_for_status().json()["data"]["result"]
        return result


@contextmanager
def recorded(samples: Samples, folder: Path, *, end: datetime) -> Iterator[Prometheus]:
    """Run a Prometheus that holds recorded series and the results of the recording rules.

    Args:
        samples: The series.
        folder: A folder for its data.
        end: The end of the day.

    Yields:
        The Prometheus.
    """
    text, data = folder / "samples.txt", folder / "data"
    with text.open("w") as file:
        file.writelines(open_metrics(samples))
    _promtool("create-blocks-from", "openmetrics", str(text), str(data))
    start, stop, rules = (end - DAY).timestamp(), end.timestamp(), folder / "rules.yml"
    for level in LEVELS:
        rules.write_text(json.dumps({"groups": [{"name": "level", "rules": [*_recording_rules(level)]}]}))
        with _running(folder) as address:
            _promtool(
                *(
                    "create-blocks-from",
                    "rules",
                    f"--start={start:.0f}",
                    f"--end={stop:.0f}",
                    "--eval-interval=5m",
                ),
                *(f"--url={address}", f"--output-dir={data}", str(rules)),
            )
    with _running(folder) as address:
        yield Prometheus(address, end)


def _recording_rules(names: tuple[str, ...]) -> Iterator[Mapping[str, Any]]:
    for group in rule_file()["groups"]:
        for rule in group["rules"]:
            if rule.get("record") in names:
                yield rule


@contextmanager
def _running(folder: Path) -> Iterator[str]:
    (folder / "prometheus.yml").write_text("{}")
    address = f"127.0.0.1:{free_port()}"
    command = [
        *(
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
        ),
        *(f"--web.listen-address={address}", "--storage.tsdb.retention.time=10y"),
    ]
    with running(command, log=folder / "prometheus.log"):
        until(lambda: answers(f"http://{address}/-/ready"))
        yield f"http://{address}"


def _promtool(*words: str) -> None:
    program = shutil.which("promtool")
    if program is None:
        raise SystemExit("promtool is not installed: apt install prometheus")
    done = subprocess.run([program, "tsdb", *words], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise SystemExit(done.stderr)


def _series(labels: Mapping[str, str], points: list[list[Any]]) -> Series:
    numbers = [(float(at), float(value)) for at, value in points]
    return Series(
        labels=labels, times=tuple(at for at, _ in numbers), values=tuple(value for _, value in numbers)
    )
