"""The pages, one module for each."""

from carvalue.web.views.about import show_about
from carvalue.web.views.compare import show_compare
from carvalue.web.views.developers import show_developers
from carvalue.web.views.incidents import show_incidents
from carvalue.web.views.many_cars import show_many_cars
from carvalue.web.views.monitoring import show_monitoring
from carvalue.web.views.one_car import show_one_car
from carvalue.web.views.sale import show_sale

__all__ = [
    "show_about",
    "show_compare",
    "show_developers",
    "show_incidents",
    "show_many_cars",
    "show_monitoring",
    "show_one_car",
    "show_sale",
]
