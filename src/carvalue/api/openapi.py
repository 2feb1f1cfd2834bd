"""The OpenAPI document, built from the table of routes and the types of the contract."""

from collections import defaultdict
from typing import Any

import msgspec

from carvalue.api import examples
from carvalue.api.json_schema import Json, ref, schemas_of
from carvalue.api.listing_schema import listing_schema, stored_listing_schema
from carvalue.api.messages import (
    Curves,
    Distribution,
    ExplainedQuote,
    Feedback,
    Health,
    MissingAnswers,
    Model,
    Options,
    Problem,
    Quote,
    Rating,
    Readiness,
    StoredFeedback,
    StoredQuote,
    StoredRating,
)
from carvalue.api.routes import MAX_BODY_BYTES, REFUSALS, ROUTES, ApiRoute, Parameter
from carvalue.api.validation import MAX_LISTINGS
from carvalue.listings import MARKET

TITLE = "carvalue price service"
DESCRIPTION = f"""Asking prices of {MARKET.title}.

`POST /predict` answers one listing with one quote, and a list of at most {MAX_LISTINGS:,} listings
with a list in the same order. Absent, `null` and blank text mean *not known*, in fields
of numbers too. Numbers are whole: `2012`
and `2012.0` are, `"2012"`, `true` and `2012.5` are not.
Texts are compared without regard to case and repeated spaces. Unknown field names are refused,
bodies are at most {MAX_BODY_BYTES // 1024:,} KiB.
If the service has keys, send one as `X-API-Key`. Every error is a problem
(RFC 9457) with a `hint`, and with `errors` where single fields are wrong.

Paths under `/v1` keep their fields and their meaning: fields are added, never removed or changed.
Each has the same path without `/v1`, for programs that were written before it.
"""
KEY_SCHEME = "APIKeyHeader"
TYPES = (
    *(Quote, ExplainedQuote, StoredQuote, Distribution, Curves, MissingAnswers),
    *(Feedback, StoredFeedback, Rating, StoredRating, Options, Model, Readiness, Health, Problem),
)


def openapi_document(version: str) -> dict[str, Any]:
    """Build the document.

    Args:
        version: version of the program.

    Returns:
        An OpenAPI 3.1 document.

    >>> document = openapi_document("1.0")
    >>> document["paths"]["/v1/predict"]["post"]["operationId"]
    'post_predict'
    """
    paths: dict[str, dict[str, Json]] = defaultdict(dict)
    for route in ROUTES:
        paths[route.paths[0]][route.method.lower()] = _operation(route)
    key = {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "Required if the service has keys (docs/how-to/manage-api-keys.md).",
    }
    schemas = schemas_of(TYPES) | {"Listing": listing_schema(), "StoredListing": stored_listing_schema()}
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "description": DESCRIPTION, "version": version},
        "paths": dict(paths),
        "components": {"schemas": schemas, "securitySchemes": {KEY_SCHEME: key}},
    }


def _operation(route: ApiRoute) -> Json:
    problems = {**route.problems, **(REFUSALS if route.access == "key" else {})}
    operation: dict[str, object] = {
        "tags": [route.tag],
        "summary": route.summary,
        "description": route.description,
        "operationId": route.name,
        "responses": {
            str(status): answer for status, answer in sorted({**_problems(problems), **route.answers}.items())
        },
    }
    if route.parameters:
        operation["parameters"] = [*map(_parameter, route.parameters)]
    if route.body:
        operation["requestBody"] = {"required": True, "content": route.body}
    if route.access == "key":
        operation["security"] = [{KEY_SCHEME: []}]
    return operation


def _parameter(parameter: Parameter) -> Json:
    described = {"description": parameter.description} if parameter.description else {}
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.place == "path",
        **described,
        "schema": parameter.schema,
    }


def _problems(when: dict[int, str]) -> dict[int, Json]:
    content = {
        "application/problem+json": {
            "schema": ref("Problem"),
            "example": msgspec.to_builtins(examples.PROBLEM),
        }
    }
    return {status: {"description": text, "content": content} for status, text in when.items()}
