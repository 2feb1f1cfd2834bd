"""OpenAPI descriptions of `POST /predict` and `POST /feedback`."""

from fastapi import Security
from fastapi.security import APIKeyHeader

from carvalue.listings import ALIASES, CURRENCY, MARKET
from carvalue.serving.openapi.components import Json, body_problems, list_of, problem_response, ref
from carvalue.serving.requests import MAX_BODY_BYTES, MAX_LISTINGS

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


def predict_operation() -> dict[str, object]:
    """Describe `POST /predict`, whose body FastAPI does not parse.

    Returns:
        An OpenAPI operation object, without its summary.
    """
    listing, quote = ref("Listing"), ref("Quote")
    body = {"oneOf": [listing, list_of(listing) | {"maxItems": MAX_LISTINGS}]}
    answer = {"oneOf": [quote, list_of(quote)]}
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
    example = {"quote_id": QUOTE["quote_id"], "sale_price": 21_500}
    content = {"application/json": {"schema": ref("Feedback"), "example": example}}
    stored = {
        "schema": ref("StoredFeedback"),
        "example": {**example, "currency": CURRENCY.code},
    }
    return {
        "requestBody": {"required": True, "content": content},
        "responses": {
            "200": {"description": "Stored.", "content": {"application/json": stored}},
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
