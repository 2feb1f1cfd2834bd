"""Demonstrate drift detection on the running platform: raise an alert, then restore the earlier state."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import uuid4

import httpx

from carvalue.demo.scenarios import SimulatedDrift, parse_drift
from carvalue.demo.traffic import Traffic, simulate
from carvalue.errors import AppError
from carvalue.files import open_folder
from carvalue.journal import Journal, LeasedState
from carvalue.listings.datasets import DATASETS, Dataset, DatasetStore
from carvalue.platform import alertmanager_url, local_url
from carvalue.settings import Settings

RATE = 300.0  # listings per second
CLEAN_REQUESTS, DRIFTED_REQUESTS = 1_500, 600
DRIFT = "odometer*1.6@0"  # kilometres in the place of miles
LIMIT_S = 600.0
POLL_S = 0.5
TIMEOUT_S = 30.0
LOCAL_CLIENT = "local"  # the name of callers on this machine in the journal
STYLES = {True: "bold red", False: "bold green"}  # by whether an alert is firing


class StyledReport(Protocol):
    """Function that takes one line for the console."""

    def __call__(self, line: str, *, style: str = "") -> None:
        """Show a line.

        Args:
            line: The line.
            style: Style of Rich (https://rich.readthedocs.io/en/stable/style.html); empty for plain text.
        """


class DemoFailed(AppError):
    """An expected event did not happen; the message names it."""

    status, hint = 500, "Run `make build` first, and `carvalue doctor` to find other problems."


class PlatformBusy(AppError):
    """An alert about quotes is firing, which the demonstration would hide."""

    status, hint = 409, "Handle the alert first: docs/how-to/respond-to-alerts.md."


@dataclass(frozen=True, kw_only=True)
class LivePlatform:
    """The running platform.

    Attributes:
        service: HTTP client of the price service, which asks as the page does.
        watcher: HTTP client of the watcher.
        alertmanager: HTTP client of Alertmanager; None where it is not installed.
        journal: The journal.
        dataset: The held-out cars that quotes are requested for.
        quote_ids: The ids of the quotes of the demonstration.
    """

    service: httpx.Client
    watcher: httpx.Client
    alertmanager: httpx.Client | None
    journal: Journal
    dataset: Dataset
    quote_ids: set[str] = field(default_factory=set)

    def send(self, requests: int, drifts: Sequence[SimulatedDrift] = ()) -> None:
        """Request quotes.

        Args:
            requests: Number of listings.
            drifts: Changes to apply to the listings.
        """
        simulate(
            self.service,
            self.dataset,
            rate=RATE,
            requests=requests,
            drifts=drifts,
            sales=0,
            on_tick=self._remember,
        )

    def drift(self) -> dict[str, Any]:
        """Read the drift state from the watcher.

        Returns:
            Body of `GET /drift`.
        """
        body: dict[str, Any] = self.watcher.get("/drift").raise_for_status().json()
        return body

    def firing(self) -> list[dict[str, Any]]:
        """List the firing alerts about quotes.

        Returns:
            Alerts of `GET /alerts`, without those about retrainings.
        """
        alerts: list[dict[str, Any]] = self.watcher.get("/alerts").raise_for_status().json()["firing"]
        return [alert for alert in alerts if alert["kind"] != "retraining"]

    def is_at_alertmanager(self, key: str) -> bool:
        """Ask whether an alert is active at Alertmanager.

        Args:
            key: The key of the alert.

        Returns:
            Whether it is; False without Alertmanager.
        """
        if self.alertmanager is None:
            return False
        query = {"filter": f'key="{key}"', "active": "true"}
        return bool(self.alertmanager.get("/api/v2/alerts", params=query).raise_for_status().json())

    def _remember(self, traffic: Traffic) -> None:
        self.quote_ids.update(traffic.quote_ids)


def demo_drift(settings: Settings, *, report: StyledReport, hold_s: float) -> None:
    """Run the demonstration on the running platform, and restore its state.

    The alert, the incident and its report remain in the history. The quotes of the demonstration are deleted
    from the journal, and the watcher returns to its state of before, also when the demonstration is stopped.

    Args:
        settings: Settings of a platform on which `make build` ran.
        report: Takes the lines for the console.
        hold_s: How long the alert stays before the state is restored, in seconds.

    Raises:
        PlatformBusy: An alert about quotes is firing already.
        DemoFailed: An expected event did not happen within ten minutes, or clean traffic raised an alert.
    """
    with _live_platform(settings) as platform:
        _require_no_alert(platform)
        _wait_for("the watcher to check quotes", lambda: bool(platform.drift().get("model_version")))
        with _restored_afterwards(platform, report):
            alert = _raise_alert(platform, report)
            _wait_for_report(platform, report)
            page = local_url(settings.page_port)
            report(f"{page} shows visitors a banner; {page}/incidents?incident={alert['number']} has it all")
            if hold_s:
                report(f"the alert stays for {hold_s:.0f} s")
                time.sleep(hold_s)
        _wait_for("the end of the alert", lambda: not platform.firing())
        report(f"RESOLVED: {alert['title']}", style=STYLES[False])
        if platform.alertmanager:
            _wait_for("Alertmanager to end it", lambda: not platform.is_at_alertmanager(alert["key"]))
            report("Alertmanager has ended it")


def _require_no_alert(platform: LivePlatform) -> None:
    if active := platform.firing():
        raise PlatformBusy(f"An alert is firing: {active[0]['title']}.")


def _raise_alert(platform: LivePlatform, report: StyledReport) -> dict[str, Any]:
    seen = platform.drift().get("rows_seen", 0)
    report(f"requesting {CLEAN_REQUESTS:,} quotes for cars like those of the training data")
    platform.send(CLEAN_REQUESTS)
    _wait_for("the drift check", lambda: platform.drift().get("rows_seen", 0) >= seen + CLEAN_REQUESTS)
    if platform.firing():
        raise DemoFailed(f"Clean traffic raised an alert: {platform.firing()[0]['title']}.")
    report("no drift: no alert")
    report(f"requesting {DRIFTED_REQUESTS} quotes with kilometres in the place of miles ({DRIFT})")
    platform.send(DRIFTED_REQUESTS, [parse_drift(DRIFT)])
    _wait_for("the alert", lambda: bool(platform.firing()))
    alert = platform.firing()[0]
    for line in (f"WARNING: {alert['title']}", *alert["text"].splitlines()):
        report(line, style=STYLES[True])
    if platform.alertmanager:
        _wait_for("Alertmanager", lambda: platform.is_at_alertmanager(alert["key"]))
        report("Alertmanager has the alert: it notifies the receivers in ALERT_URLS, if there are any")
    return alert


def _wait_for_report(platform: LivePlatform, report: StyledReport) -> None:
    def written() -> bool:
        names = {item["name"] for item in platform.watcher.get("/reports").raise_for_status().json()}
        return bool(names & {alert["report"] for alert in platform.firing()})

    _wait_for("the report", written)
    report(f"Evidently wrote the report {platform.firing()[0]['report']}")


@contextmanager
def _live_platform(settings: Settings) -> Iterator[LivePlatform]:
    with ExitStack() as stack:

        def client(url: str, **headers: str) -> httpx.Client:
            return stack.enter_context(
                httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_S, trust_env=False)
            )

        alertmanager = alertmanager_url(settings)
        yield LivePlatform(
            service=client(settings.service_url, **settings.service_headers, **{"X-Channel": "page"}),
            watcher=client(settings.watcher_url),
            alertmanager=client(alertmanager) if alertmanager else None,
            journal=stack.enter_context(closing(Journal(settings.journal_url.get_secret_value()))),
            dataset=DatasetStore(open_folder(settings, DATASETS).read()).current(),
        )


@contextmanager
def _restored_afterwards(platform: LivePlatform, report: StyledReport) -> Iterator[None]:
    """Delete the quotes of the block from the journal, and give the watcher its state of before.

    Real quotes that arrive meanwhile stay, and the watcher checks them again.
    """
    state = LeasedState(platform.journal, "watcher", f"demo-{uuid4().hex}")
    before = state.read()
    try:
        yield
    finally:
        report("restoring the state of before")
        deleted = 0

        def all_deleted() -> bool:
            nonlocal deleted
            deleted += platform.journal.delete_all(platform.quote_ids)
            return deleted >= len(platform.quote_ids)

        _wait_for("the quotes to arrive in the journal", all_deleted)
        # the watcher notices within ten seconds that it has lost its lease, and forgets what it knew
        state.seize(datetime.now(UTC))
        _wait_for("the watcher to stand by", lambda: not platform.drift().get("model_version"))
        state.write(before)
        state.release()
        _wait_for("the watcher to check quotes", lambda: bool(platform.drift().get("model_version")))
        report(f"{deleted:,} quotes deleted from the journal; the watcher has its state of before")


def _wait_for(event: str, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    try:
        while not condition():
            if time.monotonic() > deadline:
                raise DemoFailed(f"Waited {LIMIT_S:.0f} s for {event}.")
            time.sleep(POLL_S)
    except httpx.HTTPError as error:
        raise DemoFailed(f"Waited for {event}: {type(error).__name__} at {error.request.url}.") from None
