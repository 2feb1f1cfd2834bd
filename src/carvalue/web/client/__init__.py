"""HTTP clients of the price service and the watcher."""

from carvalue.web.client.connections import price_service_client, watcher_client
from carvalue.web.client.tracing import page_tracer
from carvalue.web.client.visitor import current_visitor

__all__ = ["current_visitor", "page_tracer", "price_service_client", "watcher_client"]
