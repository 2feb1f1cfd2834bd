"""The pages, one module for each."""

from carvalue.web.pages.about import show_about
from carvalue.web.pages.compare import show_compare
from carvalue.web.pages.developers import show_developers
from carvalue.web.pages.many_cars import show_many_cars
from carvalue.web.pages.monitoring import show_monitoring
from carvalue.web.pages.one_car import show_one_car
from carvalue.web.pages.sale import show_sale

__all__ = [
    "show_about",
    "show_compare",
    "show_developers",
    "show_many_cars",
    "show_monitoring",
    "show_one_car",
    "show_sale",
]
