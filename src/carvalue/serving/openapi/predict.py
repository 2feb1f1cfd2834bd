"""OpenAPI descriptions of `POST /predict` and `POST /feedback`, built from the listing schema."""

from collections.abc import Mapping
from typing import Any

from fastapi import Security
from fastapi.security import APIKeyHeader

from carvalue.listings import (
    ALIASES,
    CURRENCY,
    FIELD_BY_NAME,
    FIELDS,
    MARKET,
    MAX_TEXT,
    REQUIRED_FIELDS,
    CategoryField,
    Field,
    NumberField,
)
from carvalue.serving.feedback import MAX_SALE_PRICE, QUOTE_ID
from carvalue.serving.requests import MAX_BODY_BYTES, MAX_LISTINGS

Json = Mapping[str, object]

TITLE = "carvalue price service"
DESCRIPTION = f"""Asking prices of used cars.

`POST /predict` answers one listing with one quote, and a list of at most {MAX_LISTINGS:,} listings
with a list in the same order. Absent, `null` and blank text mean *not known*, in fields
of numbers too. Numbers are whole: `2012`
and `2012.0` are, `"2012"`, `true` and `2012.5` are not.
Texts are compared without regard to case and repeated spaces. Unknown field names are refused,
bodies are at most {MAX_BODY_BYTES // 1024:,} KiB.
If the service has keys, send one as `X-API-Key`. Every error is a problem
(RFC 9457) with a `hint`, and with `errors` where single fields are wrong.
"""

_ALIAS = {name: alias for alias, name in ALIASES.items()}
EXAMPLES: list[Json] = [
    {_ALIAS.get(name, name): value for name, value in example.items()} for example in MARKET.examples
]
EXAMPLE, BRIEF_EXAMPLE = EXAMPLES[0], EXAMPLES[-1]
"""The example with most fields, and the last one."""
QUOTE: Json = {
    "price": 22_450,
    "low": 18_900,
    "high": 26_100,
    "currency": CURRENCY.code,
    "model_version": "3",
    "data_as_of": "2021-05-04",
    "warnings": [],
    "quote_id": "0199a1b2c3d4e5f60718293a4b5c6d7e",
    "support": {"make": 41_200, "family": 9_310, "trim": 2_120, "year": 840, "grade": "many"},
}
KEY = Security(
    APIKeyHeader(
        name="X-API-Key",
        auto_error=False,
        description="Required if the service has keys (docs/how-to/manage-api-keys.md).",
    )
)
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
    "title": "Problem",
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
            "items": {
                "type": "object",
                "required": ["field", "pointer", "came", "expected"],
                "properties": {name: {"type": "string"} for name in ("field", "pointer", "came", "expected")},
            },
        },
    },
}
# characters that are not printable, except white space; Unicode has more than a pattern should list
_CONTROL = "\\x00-\\x08\\x0e-\\x1b\\x7f-\\x84\\x86-\\x9f\\xad"
PRINTABLE = f"^[^{_CONTROL}]*$"
BLANK = r"^\s*$"
NOT_BLANK = f"^[^\\s{_CONTROL}][^{_CONTROL}]*$"


def predict_operation() -> dict[str, object]:
    """Describe `POST /predict`, whose body FastAPI does not parse.

    Returns:
        An OpenAPI operation object, without its summary.
    """
    listing, quote = listing_schema(), quote_schema()
    body = {"oneOf": [listing, {"type": "array", "items": listing, "maxItems": MAX_LISTINGS}]}
    answer = {"oneOf": [quote, {"type": "array", "items": quote}]}
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": body, "examples": _examples()}},
        },
        "responses": {
            "200": {
                "description": "One quote for one listing, a list for a list.",
                "content": {"application/json": {"schema": answer, "example": QUOTE}},
            },
            **body_problems("Fields are missing, unknown or out of range; `errors` names each."),
            "503": problem_response(
                "There is no model in production yet, or the disk is full and `ON_FULL_DISK` is `refuse`."
            ),
        },
    }


def feedback_operation() -> dict[str, object]:
    """Describe `POST /feedback`, whose body FastAPI does not parse.

    Returns:
        An OpenAPI operation object, without its summary.
    """
    properties = {
        "quote_id": {
            "type": "string",
            "pattern": f"^{QUOTE_ID.pattern}$",
            "description": "Id of the quote, from the answer of `POST /predict`.",
        },
        "sale_price": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_SALE_PRICE,
            "description": f"Price that the {MARKET.vehicle} was sold for, in {CURRENCY.name}.",
        },
    }
    schema = {
        "title": "Feedback",
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }
    example = {"quote_id": QUOTE["quote_id"], "sale_price": 21_500}
    content = {"application/json": {"schema": schema, "example": example}}
    return {
        "requestBody": {"required": True, "content": content},
        "responses": {
            "200": {"description": "Stored.", "content": content},
            **body_problems("A field is missing, unknown or out of range."),
            "404": problem_response("There is no quote with this id."),
            "503": problem_response("The journal is unavailable; nothing was stored."),
        },
    }


def _examples() -> Json:
    return {
        f"one {MARKET.vehicle}": {"value": EXAMPLE},
        "little known": {"value": BRIEF_EXAMPLE},
        f"several {MARKET.vehicles}": {"value": [EXAMPLE, BRIEF_EXAMPLE]},
    }


def problem_response(description: str) -> Json:
    """Describe an error answer.

    Args:
        description: when the answer has this status.

    Returns:
        An OpenAPI response object.
    """
    content = {"application/problem+json": {"schema": PROBLEM_SCHEMA, "example": PROBLEM}}
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


def listing_schema() -> Json:
    """Describe a listing in a request.

    Returns:
        A JSON schema, derived from the fields of the listing schema.

    >>> listing_schema()["properties"]["year"]["type"], listing_schema()["properties"]["odometer"]["type"]
    (['integer'], ['integer', 'string', 'null'])
    """
    once = [name for name in REQUIRED_FIELDS if name not in ALIASES.values()]
    return {
        "title": "Listing",
        "type": "object",
        "additionalProperties": False,
        "required": once,
        "oneOf": [{"required": [name]} for pair in ALIASES.items() for name in pair],
        "properties": {field.name: _property(field) for field in FIELDS} | _aliases(),
    }


def _aliases() -> dict[str, Json]:
    return {
        alias: {
            **_property(FIELD_BY_NAME[name]),
            "description": f"The same as `{name}`; send one of the two.",
        }
        for alias, name in ALIASES.items()
    }


def _property(field: Field) -> Json:
    description = field.help
    if isinstance(field, NumberField):
        description += " A text is read as people type numbers: `80,000`, `80k`."
    return {"type": _types(field), "title": field.label, "description": description, **_limits(field)}


def _types(field: Field) -> list[str]:
    if not isinstance(field, NumberField):
        return ["string"] if field.required else ["string", "null"]
    return ["integer"] if field.required else ["integer", "string", "null"]  # the string: blank text


def _limits(field: NumberField | CategoryField) -> dict[str, object]:
    if isinstance(field, NumberField):
        blank = {} if field.required else {"pattern": BLANK}
        return {"minimum": field.minimum, "maximum": field.maximum, **blank}
    if field.is_open:
        return {"maxLength": MAX_TEXT, "pattern": NOT_BLANK if field.required else PRINTABLE}
    return {"enum": [*field.choices, *(() if field.required else (None,))]}


def quote_schema() -> Json:
    """Describe a quote in an answer.

    Returns:
        A JSON schema.
    """
    whole, text = {"type": "integer"}, {"type": "string"}
    return {
        "title": "Quote",
        "type": "object",
        "required": list(QUOTE),
        "properties": {
            "price": whole | {"description": f"The most likely asking price, in {CURRENCY.name}."},
            "low": whole | {"description": "The lower end of the price interval."},
            "high": whole | {"description": "The upper end of the price interval."},
            "currency": text
            | {"const": CURRENCY.code, "description": "The currency of all prices, ISO 4217."},
            "model_version": text | {"description": "The version of `vehicles-price-model` that quoted."},
            "data_as_of": text | {"format": "date", "description": "The day of the newest training listing."},
            "warnings": {
                "type": "array",
                "items": text,
                "description": "What makes this quote less certain.",
            },
            "quote_id": text,
            "support": {
                "type": "object",
                "description": (
                    "How many training cars resemble this one, by make, model family, trim, and year of the "
                    "family. The interval of grade `none` is calibrated on cars whose names were hidden."
                ),
                "required": ["make", "family", "trim", "year", "grade"],
                "properties": {
                    **dict.fromkeys(("make", "family", "trim", "year"), whole),
                    "grade": {"type": "string", "enum": ["none", "few", "some", "many"]},
                },
            },
            "recorded": {
                "type": "boolean",
                "const": False,
                "description": (
                    "Present if the quote could not be recorded, because the disk of the service is full: "
                    "no sale can be reported for it."
                ),
            },
        },
    }
