"""One drift detector for each channel: the page, uploads, and each program with an API key."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import polars as pl

from carvalue.monitoring.channels.routes import API, channel_of
from carvalue.monitoring.channels.visits import VisitFilter
from carvalue.monitoring.drift import (
    Detector,
    DetectorState,
    DriftReport,
    FeatureDrift,
    NullDistribution,
    ReferenceProfile,
    StateIncompatible,
)

ACCEPT_AFTER = 4_000  # quotes; twice the largest window
MAX_CHANNELS = 16  # the programs beyond are checked together

logger = logging.getLogger(__name__)


class ChannelDetectors:
    """Checks each channel for change, in comparison with its own history. Not thread-safe.

    Args:
        profile: The profile of the reference, which defines the bins.
        null: The scores of rows that do not change.
        saved: What `as_json` of earlier detectors returned; empty to start anew. A state that does not fit
            is discarded with a warning.
    """

    def __init__(
        self, profile: ReferenceProfile, null: NullDistribution, saved: Mapping[str, Any] | None = None
    ) -> None:
        self._profile, self._null = profile, null
        self._detectors: dict[str, Detector] = {}
        self._filters: dict[str, VisitFilter] = {}
        self._seen: dict[str, int] = {}
        for name, state in (saved or {}).items():
            self._restore(name, state)

    @property
    def names(self) -> tuple[str, ...]:
        """The channels that have sent quotes, in the order of their first quote."""
        return tuple(self._detectors)

    def add(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Check the next quotes.

        Args:
            rows: `quoted_at`, `route`, `client`, the inputs, `price` and `range_width`, in order.

        Returns:
            The rows that counted, with their `channel`.
        """
        if not len(rows):
            return rows
        pairs = zip(rows["route"].to_list(), rows["client"].to_list(), strict=True)
        named = rows.with_columns(channel=pl.Series([self._known(channel_of(*pair)) for pair in pairs]))
        chosen = []
        for part in named.partition_by("channel", maintain_order=True):
            name = part["channel"][0]
            self._seen[name] += len(part)
            counted = self._filters[name].choose(part)
            self._detectors[name].add(counted)
            chosen.append(counted)
        return pl.concat(chosen)

    def accept_lasting(self, channel: str) -> None:
        """Accept a change as the baseline if it has lasted for `ACCEPT_AFTER` quotes.

        Args:
            channel: A channel whose change needs nobody's attention any more.
        """
        if self._detectors[channel].drifted_rows >= ACCEPT_AFTER:
            self._detectors[channel].accept()
            logger.info("a lasting change became the baseline", extra={"channel": channel})

    def reports(self) -> Mapping[str, DriftReport]:
        """Summarize the drift of each channel.

        Returns:
            Reports by channel; their `rows` are all quotes, also repeats, which do not count as evidence.
        """
        return {
            name: replace(detector.report(), rows=self._seen[name])
            for name, detector in self._detectors.items()
        }

    def as_json(self) -> Mapping[str, Any]:
        """Convert the states of all channels to JSON types.

        Returns:
            States by channel.
        """
        return {
            name: {"seen": self._seen[name], **detector.state.as_json()}
            for name, detector in self._detectors.items()
        }

    def _known(self, name: str) -> str:
        if name not in self._detectors:
            if len(self._detectors) >= MAX_CHANNELS and name.startswith(f"{API}/"):
                return self._known(API)
            self._start(name, None)
        return name

    def _start(self, name: str, state: DetectorState | None, *, seen: int = 0) -> None:
        self._detectors[name] = Detector(self._profile, self._null, state)
        self._seen[name] = seen
        self._filters[name] = VisitFilter(name)

    def _restore(self, name: str, state: Mapping[str, Any]) -> None:
        try:
            self._start(name, DetectorState.from_json(state), seen=int(state.get("seen", 0)))
        except StateIncompatible as error:
            logger.warning(
                "a saved drift state is discarded", extra={"channel": name, "because": error.message}
            )


def merge(reports: Mapping[str, DriftReport]) -> DriftReport:
    """Merge the reports of all channels: each feature as in the channel where its score is largest.

    Args:
        reports: Reports by channel.

    Returns:
        One report; its features name their channel.
    """
    known = [report for report in reports.values() if report.state != "insufficient data"]
    worst: dict[str, FeatureDrift] = {}
    for channel, report in reports.items():
        for item in report.features:
            if item.name not in worst or item.rank > worst[item.name].rank:
                worst[item.name] = replace(item, channel=channel)
    moments: list[datetime] = [report.since for report in reports.values() if report.since]
    order = ("insufficient data", "clean", "suspected", "confirmed")
    return DriftReport(
        state=max(
            (report.state for report in reports.values()), key=order.index, default="insufficient data"
        ),
        since=min(moments, default=None),
        provisional=all(report.provisional for report in known),
        rows=sum(report.rows for report in reports.values()),
        window=sum(report.window for report in reports.values()),
        features=tuple(sorted(worst.values(), key=lambda item: item.rank, reverse=True)),
    )
