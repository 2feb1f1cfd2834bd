"""Parts of OpenAPI descriptions: references to named schemas, objects, and error answers."""

from collections.abc import Mapping
from typing import Any

from carvalue.listings import CURRENCY, DISTANCE

Json = Mapping[str, object]

TEXT: dict[str, object] = {"type": "string"}
WHOLE: dict[str, object] = {"type": "integer"}
NUMBER: dict[str, object] = {"type": "number"}
UNITS: Json = {
    "currency": {
        "type": "string",
        "const": CURRENCY.code,
        "description": "The currency of all prices, ISO 4217.",
    },
    "distance_unit": {"type": "string", "const": DISTANCE.unit, "description": "The unit of `odometer`."},
}
"""Properties of answers with prices and distances."""


def ref(name: str) -> Json:
    """Refer to a named schema of the document.

    Args:
        name: its name in `NAMED_SCHEMAS`, or of a type that FastAPI describes.

    Returns:
        A JSON schema.

    >>> ref("Quote")
    {'$ref': '#/components/schemas/Quote'}
    """
    return {"$ref": f"#/components/schemas/{name}"}


def nullable(schema: Json) -> Json:
    """Allow null beside the values of a schema.

    Args:
        schema: a JSON schema.

    Returns:
        A JSON schema.
    """
    return {"oneOf": [schema, {"type": "null"}]}


def list_of(schema: Json) -> dict[str, object]:
    """Describe a list.

    Args:
        schema: of each item.

    Returns:
        A JSON schema.
    """
    return {"type": "array", "items": schema}


def object_schema(properties: Json) -> dict[str, object]:
    """Describe an object that has all of its properties.

    Args:
        properties: property name -> JSON schema.

    Returns:
        A JSON schema.
    """
    return {"type": "object", "required": list(properties), "properties": properties}


PROBLEM: Json = {
    "type": "about:blank",
    "title": "Unprocessable Entity",
    "status": 422,
    "detail": "1 value(s) cannot be used: year.",
    "request_id": "5d0f3c1a9b7e24680c1d2e3f",
    "hint": "GET /docs shows every field with its range.",
    "errors": [
        {
            "field": "year",
            "pointer": "/year",
            "came": '"twenty"',
            "expected": "a whole number from 1985 to 2030",
        }
    ],
}
PROBLEM_SCHEMA: Json = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "hint": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": ref("FieldProblem"),
        },
    },
}
FIELD_PROBLEM_SCHEMA = object_schema(dict.fromkeys(("field", "pointer", "came", "expected"), TEXT))


def problem_response(description: str) -> Json:
    """Describe an error answer.

    Args:
        description: when the answer has this status.

    Returns:
        An OpenAPI response object.
    """
    content = {"application/problem+json": {"schema": ref("Problem"), "example": PROBLEM}}
    return {"description": description, "content": content}


def body_problems(unprocessable: str) -> dict[str, Json]:
    """Describe the errors of a JSON body.

    Args:
        unprocessable: description of status 422.

    Returns:
        OpenAPI response objects by status.
    """
    return {
        "400": problem_response("The body is not strict JSON."),
        "408": problem_response("The body did not arrive in time."),
        "413": problem_response("The body or the list is too large."),
        "415": problem_response("The body is not declared as JSON."),
        "422": problem_response(unprocessable),
    }


def rejections() -> dict[int | str, dict[str, Any]]:
    """Describe the answers to a request without a valid key, over the rate limit, or of a foreign web page.

    Returns:
        OpenAPI response objects by status.
    """
    return {
        401: dict(problem_response("The service has keys, and the request has none of them.")),
        403: dict(problem_response("A web page of another origin sent the request.")),
        421: dict(problem_response("`Host` names another server; `ALLOWED_HOSTS` lists the accepted names.")),
        429: dict(problem_response("The client is over its limit; `Retry-After` says when to ask again.")),
    }
