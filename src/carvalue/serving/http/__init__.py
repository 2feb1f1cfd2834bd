"""Read requests, and write answers and the documentation."""

from carvalue.serving.http.accuracy_page import render_accuracy
from carvalue.serving.http.docs_page import docs_routes
from carvalue.serving.http.query import read_query
from carvalue.serving.http.request_body import BodyTooSlow, read_json, refuse_upgrade
from carvalue.serving.http.responses import json_response

__all__ = [
    "BodyTooSlow",
    "docs_routes",
    "json_response",
    "read_json",
    "read_query",
    "refuse_upgrade",
    "render_accuracy",
]
