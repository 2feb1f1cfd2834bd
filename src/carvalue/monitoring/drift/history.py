"""The history of one stream of rows: its baseline, and how its newest rows compare with it."""

import base64
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from carvalue.monitoring.drift.bins import Codes, Floats
from carvalue.monitoring.drift.profile import ReferenceProfile
from carvalue.monitoring.drift.statistics import STRIDE, list_statistics, stride_counts, window_scores

MEMORY_ROWS = 20_000  # the history is halved each time it has grown by as many
TRIM_STRIDES = 10  # between two moves of old rows from the newest rows to the history
FOUND_WITHIN = 500  # rows that may have drifted before it is confirmed
SETTLE_STRIDES = 50  # between two additions to the baseline scores
PRIOR_WINDOWS = 3.0  # weight of the reference's baseline scores, in windows of the stream
LOWEST_RATIO = 1.0  # of the baseline scores of a stream to those of the reference


@dataclass(frozen=True, kw_only=True)
class BaselineScores:
    """The scores of a stream in which nothing has changed.

    Attributes:
        windows: The window sizes in rows.
        mean: The mean score in the reference, shape (windows, statistics).
    """

    windows: tuple[int, ...]
    mean: Floats


class StreamHistory:
    """Compares each stride of a stream with the rows before it. Portions and restarts change nothing.

    Args:
        profile: The profile of the reference, which defines the bins.
        windows: The window sizes in rows.
        saved: What `as_json` of an earlier history returned; None to start anew.

    Attributes:
        rows: The number of rows so far, in complete strides.
    """

    def __init__(
        self, profile: ReferenceProfile, windows: tuple[int, ...], saved: Mapping[str, Any] | None = None
    ) -> None:
        self._profile, self._windows = profile, windows
        self.rows, self._frozen_at = 0, 0
        self._past = np.zeros(profile.width)
        self._past_rows = 0
        self._codes = np.empty((0, len(profile.code_starts)), dtype=np.int64)
        shape = (len(windows), len(list_statistics(profile)))
        self._sums, self._strides = np.zeros(shape), np.zeros((len(windows), 1))
        self._recent = [(np.zeros(shape), np.zeros((len(windows), 1)))]
        if saved is not None:
            self._load(saved)
        self._counts = stride_counts(profile, self._codes)

    @property
    def is_frozen(self) -> bool:
        """Whether the newest rows have drifted, so that the history must not learn from them."""
        return self._frozen_at > 0

    def freeze(self, *, has_drifted: bool) -> None:
        """Tell whether the newest rows have drifted.

        Args:
            has_drifted: Whether the history must not learn from them.
        """
        if not has_drifted:
            self._frozen_at = 0
        elif not self.is_frozen:
            self._frozen_at = self.rows

    @property
    def _clean_until(self) -> int:
        """The row before which nothing had drifted when drift was confirmed."""
        return self._frozen_at - min(FOUND_WITHIN, self._frozen_at // 4)

    @property
    def drifted_rows(self) -> int:
        """The number of rows since the stream has drifted; 0 if it has not."""
        return self.rows - self._frozen_at if self.is_frozen else 0

    def accept(self) -> None:
        """Make the newest rows the baseline, and forget those before them."""
        self._past, self._past_rows, self._frozen_at = np.zeros(self._profile.width), 0, 0

    @property
    def rows_with_rest(self) -> int:
        """The number of rows so far, with those of a stride that is not complete yet."""
        return self.rows + len(self._codes) - len(self._counts) * STRIDE

    @property
    def newest(self) -> Floats:
        """The counts of the newest rows by stride, shape (strides, bins), and at least the largest window."""
        return self._counts

    def baseline(self, window: int) -> Floats:
        """Count the rows before a window, and before the drift if there is one.

        Args:
            window: The size of the window in rows.

        Returns:
            Counts, shape (bins,).
        """
        drifted = self.rows - self._clean_until if self.is_frozen else 0
        strides = len(self._counts) - max(window, drifted) // STRIDE
        total: Floats = self._past + self._counts[: max(strides, 0)].sum(axis=0)
        return total

    def scores(self, codes: Codes) -> Iterator[Floats]:
        """Compare the next rows with those before them.

        Args:
            codes: The bins of the rows, shape (rows, features).

        Yields:
            For each complete stride its scores, shape (windows, statistics).
        """
        self._codes = np.concatenate([self._codes, codes])
        new = stride_counts(self._profile, self._codes[len(self._counts) * STRIDE :])
        while len(new):
            room = TRIM_STRIDES - self.rows // STRIDE % TRIM_STRIDES
            part, new = new[:room], new[room:]
            self._counts = np.concatenate([self._counts, part])
            for scores in window_scores(
                self._profile, self._counts, self._past, windows=self._windows, newest=len(part)
            ):
                self.rows += STRIDE
                yield scores
            if self.rows // STRIDE % TRIM_STRIDES == 0:
                self._trim()

    def relative(self, scores: Floats, baseline: BaselineScores) -> Floats:
        """Divide scores by the ratio of this stream's baseline scores to those of the reference.

        Args:
            scores: The scores of a stride, shape (windows, statistics).
            baseline: The baseline scores of the reference.

        Returns:
            Relative scores, with the same shape.
        """
        strides = np.array(self._windows)[:, None] / STRIDE
        own = (PRIOR_WINDOWS * baseline.mean + self._sums / strides) / (
            PRIOR_WINDOWS + self._strides / strides
        )
        ratio = np.maximum(own / np.maximum(baseline.mean, 1e-9), LOWEST_RATIO)
        relative: Floats = scores / ratio
        return relative

    def remember(self, scores: Floats) -> None:
        """Count scores as baseline scores, once the rows are older than the largest window.

        Args:
            scores: The scores of a stride, shape (windows, statistics).
        """
        sums, strides = self._recent[-1]
        sums += scores
        strides += scores.any(axis=1, keepdims=True)

    def as_json(self) -> dict[str, Any]:
        """Convert the history to JSON types.

        Returns:
            Counts, the newest rows and the baseline scores.
        """
        codes = (self._codes - self._profile.code_starts).astype(np.uint8)
        return {
            "rows": self.rows,
            "frozen_at": self._frozen_at,
            "past": self._past.tolist(),
            "past_rows": self._past_rows,
            "newest": base64.b64encode(zlib.compress(codes.tobytes())).decode(),
            "sums": self._sums.tolist(),
            "strides": self._strides[:, 0].tolist(),
            "recent": [[sums.tolist(), strides[:, 0].tolist()] for sums, strides in self._recent],
        }

    def _load(self, saved: Mapping[str, Any]) -> None:
        self.rows, self._frozen_at = saved["rows"], saved["frozen_at"]
        self._past, self._past_rows = np.array(saved["past"]), saved["past_rows"]
        codes = np.frombuffer(zlib.decompress(base64.b64decode(saved["newest"])), dtype=np.uint8)
        starts = self._profile.code_starts
        self._codes = codes.reshape(-1, len(starts)).astype(np.int64) + starts
        sums, strides = np.array(saved["sums"]), np.array(saved["strides"])[:, None]
        if sums.shape != self._sums.shape or len(self._past) != self._profile.width:
            raise ValueError(f"scores of shape {sums.shape} instead of {self._sums.shape}")
        self._sums, self._strides = sums, strides
        self._recent = [(np.array(part), np.array(count)[:, None]) for part, count in saved["recent"]]

    def _trim(self) -> None:
        """Move the rows that no window holds any more to the history, unless they may have drifted."""
        if self.rows // STRIDE % SETTLE_STRIDES == 0:
            self._settle()
        old = len(self._counts) - max(self._windows) // STRIDE
        if old <= 0:
            return
        dropped, self._counts = self._counts[:old].sum(axis=0), self._counts[old:]
        self._codes = self._codes[old * STRIDE :]
        end = self.rows - len(self._counts) * STRIDE
        if self.is_frozen and end > self._clean_until:
            return
        self._past, self._past_rows = self._past + dropped, self._past_rows + old * STRIDE
        if self._past_rows >= MEMORY_ROWS:
            self._past, self._past_rows = self._past // 2, self._past_rows // 2

    def _settle(self) -> None:
        """Add the scores before the largest window to the baseline; forget those of drifted rows."""
        if self.is_frozen:
            self._recent.clear()
        elif len(self._recent) * SETTLE_STRIDES > max(self._windows) // STRIDE:
            sums, strides = self._recent.pop(0)
            self._sums, self._strides = self._sums + sums, self._strides + strides
        self._recent.append((np.zeros_like(self._sums), np.zeros_like(self._strides)))
