"""The three Grafana dashboards as data: panels and PromQL queries with metric names from the registry."""

from boards.context import ANNOTATIONS, VARIABLES, Annotation, Variable
from boards.drift import DRIFT
from boards.panel import Board, Panel, Row, Steps
from boards.prices import PRICES
from boards.service import SERVICE

BOARDS = (DRIFT, PRICES, SERVICE)

__all__ = [
    "ANNOTATIONS",
    "BOARDS",
    "VARIABLES",
    "Annotation",
    "Board",
    "Panel",
    "Row",
    "Steps",
    "Variable",
]
