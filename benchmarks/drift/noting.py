"""A drift detector that notes after every stride whether drift is confirmed."""

from carvalue.monitoring.drift.bins import Floats
from carvalue.monitoring.drift.detector import CONFIRMED, Detector


class NotingDetector(Detector):
    """Notes after every stride whether drift is confirmed."""

    def __init__(self, *parts: object) -> None:
        super().__init__(*parts)  # type: ignore[arg-type]
        self.noted: list[tuple[int, bool]] = []

    def _update_states(self, stride: Floats, *, moment: object) -> None:
        super()._update_states(stride, moment=moment)  # type: ignore[arg-type]
        self.noted.append((self.rows - 1, self._level == CONFIRMED))
