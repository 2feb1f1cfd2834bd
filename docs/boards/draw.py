"""Draw a dashboard from the results of its queries: grid, axes, thresholds and legends as in Grafana."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import DateFormatter, HourLocator, date2num
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from results import STEP_S, Prometheus, Series
from units import format_number

COLUMNS, COLUMN_IN, LINE_IN = 24, 0.6, 0.38
MARGIN_IN, HEAD_IN, FOOT_IN, TITLE_IN, GAP_IN = 0.25, 0.95, 0.45, 0.32, 0.06
DPI = 80
COLORS = {
    "gray": "#8e8e8e",
    "green": "#1a7f37",
    "orange": "#d9730d",
    "red": "#c4162a",
    "blue": "#1f60c4",
    "transparent": "none",
}
LINES = (
    "#1f60c4",
    "#d9730d",
    "#1a7f37",
    "#8f3bb8",
    "#c4162a",
    "#0e8a9e",
    "#9a6700",
    "#e0559e",
    "#555555",
    "#7cb342",
)
PAPER, PANEL, EDGE, INK, FAINT = "#f4f5f5", "#ffffff", "#d5d7da", "#24292e", "#6a6f75"
MAX_STATES = 16  # rows of a state timeline, as many as fit
FOOTNOTE = (
    "Drawn by docs/boards from the results of the dashboard's queries on Prometheus, over a recorded day of "
    "simulated traffic. This is not a screenshot of Grafana."
)


def draw_board(board: Mapping[str, Any], prometheus: Prometheus, path: Path) -> None:
    """Draw a dashboard into a PNG file.

    Args:
        board: The dashboard, in Grafana's JSON.
        prometheus: Where its queries run.
        path: The file to write.
    """
    lines = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
    width, height = COLUMNS * COLUMN_IN + 2 * MARGIN_IN, HEAD_IN + lines * LINE_IN + FOOT_IN
    figure = Figure(figsize=(width, height), facecolor=PAPER)
    canvas = _Canvas(figure, width, height)
    _draw_head(canvas, board)
    events = _Events(board, prometheus)
    for panel in board["panels"]:
        if panel["type"] == "row":
            place = panel["gridPos"]
            canvas.text(
                MARGIN_IN, HEAD_IN + (place["y"] + 0.65) * LINE_IN, f"▾ {panel['title']}", 10, weight="bold"
            )
        else:
            _Panel(canvas, panel, prometheus, events).draw()
    canvas.text(MARGIN_IN, height - 0.15, FOOTNOTE, 8, color=FAINT)
    figure.savefig(path, dpi=DPI, facecolor=PAPER)


def _draw_head(canvas: "_Canvas", board: Mapping[str, Any]) -> None:
    canvas.text(MARGIN_IN, 0.3, board["title"], 14, weight="bold")
    canvas.text(MARGIN_IN, 0.55, board["description"], 9, color=FAINT)
    chosen = [
        f"{item['label']}: {item['current']['text'] if item['type'] == 'query' else '1h'}"
        for item in board["templating"]["list"]
    ]
    marks = [f"{item['name']} on" for item in board["annotations"]["list"]]
    canvas.text(MARGIN_IN, 0.82, "   ".join(f"[{text}]" for text in (*chosen, *marks)), 9)
    links = "   ".join(link["title"] for link in board["links"])
    canvas.text(canvas.width - MARGIN_IN, 0.3, links, 9, color=COLORS["blue"], align="right")
    canvas.text(canvas.width - MARGIN_IN, 0.82, "Last 24 hours (UTC)", 9, align="right")


class _Canvas:
    """A figure with inches from its left upper corner."""

    def __init__(self, figure: Figure, width: float, height: float) -> None:
        self.figure, self.width, self.height = figure, width, height

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        bottom = self.height - top - height
        place = (left / self.width, bottom / self.height, width / self.width, height / self.height)
        return self.figure.add_axes(place)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        *,
        color: str = INK,
        align: str = "left",
        weight: str = "",
    ) -> None:
        place = (x / self.width, 1 - y / self.height)
        self.figure.text(
            *place,
            text.replace("$", r"\$"),
            fontsize=size,
            color=color,
            ha=align,
            va="baseline",
            weight=weight or "normal",
        )


class _Events:
    """The annotations of a dashboard over the day."""

    def __init__(self, board: Mapping[str, Any], prometheus: Prometheus) -> None:
        self._found = [
            (COLORS[item["iconColor"]], series.times)
            for item in board["annotations"]["list"]
            for series in prometheus.range(item["target"]["expr"])
        ]

    def draw(self, axes: Axes) -> None:
        """Mark moments by a dashed line, and what lasts by a band, as Grafana does."""
        for color, times in self._found:
            for first, last in _regions(times):
                if last > first:
                    axes.axvspan(_date(first), _date(last), color=color, alpha=0.1, lw=0)
                axes.axvline(_date(first), color=color, lw=1, ls="--")


class _Panel:
    def __init__(
        self, canvas: _Canvas, panel: Mapping[str, Any], prometheus: Prometheus, events: _Events
    ) -> None:
        self._canvas, self._panel, self._events = canvas, panel, events
        place = panel["gridPos"]
        self._left = MARGIN_IN + place["x"] * COLUMN_IN + GAP_IN
        self._top = HEAD_IN + place["y"] * LINE_IN + GAP_IN
        self._width = place["w"] * COLUMN_IN - 2 * GAP_IN
        self._height = place["h"] * LINE_IN - 2 * GAP_IN
        self._defaults = panel["fieldConfig"]["defaults"]
        self._unit, self._decimals = self._defaults.get("unit", "short"), self._defaults.get("decimals")
        ask = prometheus.newest if panel["type"] == "stat" else prometheus.range
        self._series = [
            (_legend(target["legendFormat"], series.labels), series)
            for target in panel["targets"]
            for series in ask(target["expr"])
        ]
        self._start, self._end = prometheus.end.timestamp() - 86_400, prometheus.end.timestamp()

    def draw(self) -> None:
        """Draw the frame, the title and the content."""
        frame = self._canvas.axes(self._left, self._top, self._width, self._height)
        frame.set(xticks=[], yticks=[], facecolor=PANEL)
        for spine in frame.spines.values():
            spine.set_color(EDGE)
        self._canvas.text(self._left + 0.1, self._top + 0.22, self._panel["title"], 9, weight="bold")
        if not self._series:
            empty = self._defaults.get("noValue") or "No data"
            self._center(empty, 11, FAINT)
            return
        kinds = {
            "stat": self._draw_numbers,
            "timeseries": self._draw_lines,
            "state-timeline": self._draw_states,
            "heatmap": self._draw_heat,
        }
        kinds[self._panel["type"]]()

    def _draw_numbers(self) -> None:
        part = self._width / len(self._series)
        texts = {
            key: value["text"]
            for item in self._defaults.get("mappings", [])
            for key, value in item["options"].items()
        }
        for number, (name, series) in enumerate(self._series):
            value = series.values[-1]
            text = texts.get(f"{value:g}", self._format(value))
            color = _step_color(self._steps(), value)
            x = self._left + part * (number + 0.5)
            size = min(24, 72 * part / (0.62 * max(len(text), 4)))
            self._canvas.text(x, self._top + self._height * 0.68, text, size, color=color, align="center")
            if len(self._series) > 1:
                self._canvas.text(x, self._top + self._height * 0.86, name, 8, color=FAINT, align="center")

    def _draw_lines(self) -> None:
        legend = self._panel["options"]["legend"]
        is_beside = legend["placement"] == "right"
        beside = 3.4 if is_beside else 0.0
        names = sorted({name for name, _ in self._series})
        ordered = self._series
        if legend.get("sortBy"):
            ordered = sorted(ordered, key=lambda item: -np.nanmax(item[1].values))
        shown = ordered[:9] if is_beside else ordered[:4]
        below = 0.0 if is_beside else 0.17 * (len(shown) if legend["displayMode"] == "table" else 1) + 0.08
        axes = self._time_axes(right=beside, below=below)
        colors = {name: LINES[number % len(LINES)] for number, name in enumerate(names)}
        for name, series in self._series:
            for first, last in _regions(series.times):  # a gap in the data is a gap in the line
                part = slice(series.times.index(first), series.times.index(last) + 1)
                times = [_date(at) for at in series.times[part]]
                axes.plot(times, series.values[part], color=colors[name], lw=1.2)
        self._limit(axes)
        self._draw_thresholds(axes)
        self._events.draw(axes)
        self._draw_legend(shown, colors, is_table=legend["displayMode"] == "table", is_beside=is_beside)

    def _draw_legend(
        self,
        shown: Sequence[tuple[str, Series]],
        colors: Mapping[str, str],
        *,
        is_table: bool,
        is_beside: bool,
    ) -> None:
        x = self._left + (self._width - 3.3 if is_beside else 0.15)
        y = self._top + (TITLE_IN + 0.15 if is_beside else self._height - 0.08)
        rows = shown if is_beside else [*reversed(shown)]
        for number, (name, series) in enumerate(rows):
            figures = [np.nanmean(series.values), np.nanmax(series.values), series.values[-1]]
            mean, most, last = (self._format(float(value)) for value in figures)
            text = f"{name}   mean {mean}   max {most}   last {last}"
            if is_table:
                line = y + 0.19 * number if is_beside else y - 0.17 * number
                self._canvas.text(x, line, "▬", 8, color=colors[name])
                self._canvas.text(x + 0.2, line, text, 7.5)
            else:
                part = self._width / len(rows)
                place = self._left + 0.15 + part * (len(rows) - 1 - number)
                brief = text if part > 4 else f"{name}   last {last}"
                self._canvas.text(place, y, "▬", 8, color=colors[name])
                self._canvas.text(place + 0.2, y, brief, 7.5)

    def _draw_states(self) -> None:
        axes = self._time_axes(left=1.75)
        shown = sorted(self._series, key=lambda item: (-max(item[1].values), item[0]))[:MAX_STATES]
        steps, day = self._steps(), STEP_S / 86_400
        for row, (_, series) in enumerate(reversed(shown)):
            for at, value in zip(series.times, series.values, strict=True):
                color = _step_color(steps, value)
                axes.broken_barh([(_date(at), day)], (row - 0.42, 0.84), facecolors=color, lw=0)
        axes.set_yticks(range(len(shown)), [name for name, _ in reversed(shown)], fontsize=7.5)
        axes.set_ylim(-0.6, len(shown) - 0.4)
        axes.grid(visible=False)
        if len(self._series) > len(shown):
            more = f"and {len(self._series) - len(shown)} more, which need less attention"
            self._canvas.text(
                self._left + self._width - 0.1, self._top + 0.22, more, 7.5, color=FAINT, align="right"
            )

    def _draw_heat(self) -> None:
        axes = self._time_axes(left=0.75)
        bounds = sorted((float(series.labels["le"]), series) for _, series in self._series)
        times = bounds[0][1].times
        total = np.array([series.values for _, series in bounds if len(series.values) == len(times)])
        rates = np.diff(np.vstack([np.zeros(len(times)), total]), axis=0)
        shades = axes.imshow(
            rates,
            cmap="Oranges",
            origin="lower",
            aspect="auto",
            interpolation="nearest",
            extent=(_date(times[0]), _date(times[-1]), -0.5, len(rates) - 0.5),
        )
        axes.set_yticks(range(len(bounds)), [_bound(le, self._unit) for le, _ in bounds], fontsize=7)
        axes.grid(visible=False)
        shades.set_clim(0, None)
        axes.set_xlim(_date(self._start), _date(self._end))

    def _time_axes(self, *, left: float = 0.75, right: float = 0.0, below: float = 0.0) -> Axes:
        axes = self._canvas.axes(
            self._left + left,
            self._top + TITLE_IN,
            self._width - left - right - 0.2,
            self._height - TITLE_IN - 0.3 - below,
        )
        axes.set_facecolor("none")
        for name, spine in axes.spines.items():
            spine.set_visible(name == "bottom")
            spine.set_color(EDGE)
        axes.grid(color="#eceef0", lw=0.7)
        axes.tick_params(labelsize=7.5, colors=FAINT, length=0)
        axes.xaxis.set_major_locator(HourLocator(byhour=range(0, 24, 3), tz=UTC))
        axes.xaxis.set_major_formatter(DateFormatter("%H:%M", tz=UTC))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: self._format(value)))
        axes.set_xlim(_date(self._start), _date(self._end))
        return axes

    def _limit(self, axes: Axes) -> None:
        low, high = self._defaults.get("min"), self._defaults.get("max")
        if low is not None and axes.get_ylim()[1] <= low:
            axes.set_ylim(low, low + 1)
        axes.set_ylim(bottom=low, top=high if high is None else high * 1.02)
        if self._decimals == 0:
            axes.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))

    def _draw_thresholds(self, axes: Axes) -> None:
        """Draw the thresholds that are within the axis, as Grafana does."""
        for step in self._steps():
            if step["value"] is not None and axes.get_ylim()[0] <= step["value"] <= axes.get_ylim()[1]:
                axes.axhline(step["value"], color=COLORS[step["color"]], lw=1, ls=(0, (5, 4)))

    def _steps(self) -> list[Mapping[str, Any]]:
        steps: list[Mapping[str, Any]] = self._defaults.get("thresholds", {}).get("steps", [])
        return steps

    def _format(self, value: float) -> str:
        return format_number(value, self._unit, decimals=self._decimals)

    def _center(self, text: str, size: float, color: str) -> None:
        x, y = self._left + self._width / 2, self._top + self._height * 0.62
        self._canvas.text(x, y, text, size, color=color, align="center")


def _legend(pattern: str, labels: Mapping[str, str]) -> str:
    return re.sub(r"{{\s*(\w+)\s*}}", lambda found: labels.get(found[1], ""), pattern)


def _step_color(steps: Sequence[Mapping[str, Any]], value: float) -> str:
    passed = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
    return COLORS[passed[-1]] if passed else INK


def _regions(times: Sequence[float]) -> list[tuple[float, float]]:
    """Join moments that are a step apart."""
    regions: list[tuple[float, float]] = []
    for at in times:
        if regions and at - regions[-1][1] <= STEP_S:
            regions[-1] = (regions[-1][0], at)
        else:
            regions.append((at, at))
    return regions


def _bound(le: float, unit: str) -> str:
    return "more" if np.isinf(le) else f"≤ {format_number(le, unit)}"


def _date(at: float) -> float:
    return float(date2num(datetime.fromtimestamp(at, UTC)))
