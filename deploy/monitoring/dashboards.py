"""Convert a dashboard to Grafana's JSON."""

import json
from string import ascii_uppercase
from typing import Any

from boards import ANNOTATIONS, VARIABLES, Annotation, Board, Panel, Steps
from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    timeseries,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    AxisPlacement,
    BigValueColorMode,
    BigValueGraphMode,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    FieldColorModeId,
    GridPos,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
    VariableOption,
    VariableRefresh,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from carvalue.platform.observability.grafana import DATA_SOURCE_UID
from carvalue.telemetry import runbook_url

SOURCE = DataSourceRef(type_val="prometheus", uid=DATA_SOURCE_UID)
TAG = "carvalue"
COLUMNS = 24  # of Grafana's grid
LATER_FIELDS = ("auto", "auto_count", "auto_min")
ALL = VariableOption(selected=True, text="All", value="$__all")
MANY_SERIES = 3  # more than these have a legend beside the lines
Builder = timeseries.Panel | stat.Panel | statetimeline.Panel | heatmap.Panel


def dashboard_json(board: Board) -> str:
    """Convert a dashboard to Grafana's JSON.

    Args:
        board: The dashboard.

    Returns:
        JSON text.
    """
    builder = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.description)
        .tags([TAG])
        .refresh("10s")
        .time("now-1h", "now")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
        .links(_links())
        .annotations([_annotation(annotation) for annotation in ANNOTATIONS])
        .variables([_variable(name) for name in board.variables])
    )
    _place(builder, board)
    content = json.loads(JSONEncoder().encode(builder.build()))
    return json.dumps(_of_this_release(content), sort_keys=True, indent=1) + "\n"


def _of_this_release(value: Any) -> Any:
    """Leave out fields that the SDK always writes and that Grafana 12.1, the one in compose.yaml, lacks."""
    if isinstance(value, list):
        return [_of_this_release(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _of_this_release(item)
        for name, item in value.items()
        if name not in LATER_FIELDS and item != "inControlsMenu"
    }


def _place(builder: dashboard.Dashboard, board: Board) -> None:
    """Put rows and panels on the grid, from left to right and from top to bottom."""
    top, number = 0, 0
    for row in board.rows:
        number += 1
        heading = GridPos(x=0, y=top, w=COLUMNS, h=1)
        builder.with_row(dashboard.Row(row.title).id(number).grid_pos(heading))
        top, left = top + 1, 0
        for panel in row.panels:
            if left + panel.width > COLUMNS:
                top, left = top + row.height, 0
            number += 1
            place = GridPos(x=left, y=top, w=panel.width, h=row.height)
            builder.with_panel(_panel(panel).id(number).grid_pos(place))
            left += panel.width
        top += row.height


def _links() -> list[dashboard.DashboardLink]:
    """Link to the other dashboards and the runbooks; the platform adds those to its own parts."""
    boards = dashboard.DashboardLink("Dashboards").type(DashboardLinkType.DASHBOARDS).tags([TAG])
    runbooks = dashboard.DashboardLink("Runbooks").type(DashboardLinkType.LINK).icon("external link")
    return [
        boards.keep_time(keep_time=True).include_vars(include_vars=True),
        runbooks.url(runbook_url("").rstrip("#")).target_blank(target_blank=True),
    ]


def _annotation(annotation: Annotation) -> dashboard.AnnotationQuery:
    query = (
        dashboard.AnnotationQuery()
        .name(annotation.name)
        .datasource(SOURCE)
        .enable(enable=True)
        .icon_color(annotation.color)
        .title_format(annotation.title)
    )
    return query.target(prometheus.Dataquery().ref_id("Anno").expr(annotation.query).range())


def _variable(name: str) -> dashboard.QueryVariable | dashboard.CustomVariable:
    variable = VARIABLES[name]
    if variable.values:
        default = VariableOption(selected=True, text=variable.values[0], value=variable.values[0])
        custom = dashboard.CustomVariable(name).label(variable.title).description(variable.description)
        return custom.values(",".join(variable.values)).current(default)
    chosen = dashboard.QueryVariable(name).label(variable.title).description(variable.description)
    chosen = chosen.datasource(SOURCE).query({"query": variable.query, "refId": name, "qryType": 1})
    chosen = chosen.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    return chosen.multi(multi=True).include_all(include_all=True).all_value(".*").current(ALL)


def _panel(panel: Panel) -> Builder:
    builder = _shape(panel).title(panel.title).description(panel.description).datasource(SOURCE)
    builder = builder.unit(panel.unit)
    for letter, (query, legend) in zip(ascii_uppercase, panel.queries.items(), strict=False):
        target = prometheus.Dataquery().ref_id(letter).expr(query).legend_format(legend).datasource(SOURCE)
        if panel.shape == "stat":
            target.instant()
        else:
            target.range()
        builder.with_target(target.format(PromQueryFormat.HEATMAP) if panel.shape == "heat" else target)
    if panel.low is not None:
        builder.min(panel.low)
    if panel.high is not None:
        builder.max(panel.high)
    if panel.decimals is not None:
        builder.decimals(panel.decimals)
    if panel.empty:
        builder.no_value(panel.empty)
    if panel.steps:
        builder.thresholds(_thresholds(panel.steps))
    if panel.texts:
        options = {str(number): ValueMappingResult(text=text) for number, text in panel.texts}
        builder.mappings([ValueMap(options=options)])
    if panel.runbook:
        runbook = dashboard.DashboardLink(f"Runbook of {panel.runbook}").type(DashboardLinkType.LINK)
        builder.links([runbook.url(runbook_url(panel.runbook)).target_blank(target_blank=True)])
    return builder


def _thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    absolute = dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE)
    return absolute.steps([Threshold(value=value, color=color) for value, color in steps])


def _shape(panel: Panel) -> Builder:
    match panel.shape:
        case "states":
            colors = dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS)
            hidden = common.VizLegendOptions().show_legend(show_legend=False)
            shape = (
                statetimeline.Panel().color_scheme(colors).legend(hidden.display_mode(LegendDisplayMode.LIST))
            )
            return shape.show_value(VisibilityMode.NEVER).merge_values(merge_values=True)
        case "stat":
            colors = dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS)
            shape = stat.Panel().color_scheme(colors).color_mode(BigValueColorMode.VALUE)
            newest = common.ReduceDataOptions().calcs(["lastNotNull"])
            return shape.graph_mode(BigValueGraphMode.NONE).reduce_options(newest)
        case "heat":
            return heatmap.Panel()
        case "lines":
            return _lines(panel)


def _lines(panel: Panel) -> timeseries.Panel:
    """Draw lines with a legend of figures: beside them where there are many, otherwise below."""
    is_many = any("{{" in legend for legend in panel.queries.values()) or len(panel.queries) > MANY_SERIES
    legend = common.VizLegendOptions().show_legend(show_legend=True).calcs(["mean", "max", "lastNotNull"])
    legend = legend.display_mode(LegendDisplayMode.TABLE if is_many else LegendDisplayMode.LIST)
    if is_many:
        legend = legend.sort_by("Max").sort_desc(sort_desc=True)
    legend = legend.placement(
        LegendPlacement.RIGHT if is_many and panel.width > 12 else LegendPlacement.BOTTOM
    )
    lines = timeseries.Panel().legend(legend).fill_opacity(8).axis_placement(AxisPlacement.AUTO)
    if not panel.steps:
        return lines
    style = common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)
    return lines.thresholds_style(style)
