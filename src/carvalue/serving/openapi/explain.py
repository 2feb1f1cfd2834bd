"""OpenAPI descriptions of the routes that say more about a price, and of stored quotes."""

from carvalue.listings import CURRENCY, DISTANCE, MARKET, NUMBER_FIELDS, NumberField
from carvalue.serving.explain import ANSWERED_LEVELS, ASKING_PRICE, MAX_ASKING_PRICE
from carvalue.serving.openapi.components import Json, body_problems, problem_response, ref
from carvalue.serving.openapi.predict import EXAMPLE, QUOTE

CURVES = ("odometer", "year")
UNITS: Json = {"currency": CURRENCY.code, "distance_unit": DISTANCE.unit}
REASONS: Json = {
    "start": 16_950,
    "start_label": "a typical car in the training data (2014 jeep grand cherokee, 86,000 miles)",
    "items": [
        {
            "group": "make_model",
            "fields": ["manufacturer", "model"],
            "label": "make and model: ford f-150",
            "amount": 4_900,
        },
        {"group": "odometer", "fields": ["odometer"], "label": "80,000 miles", "amount": 600},
    ],
}
COMPARABLE: Json = {
    "manufacturer": "ford",
    "model": "f150 xlt",
    "year": 2015,
    "odometer": 81_250,
    "condition": "good",
    "title_status": "clean",
    "state": "tx",
    "region": "austin",
    "price": 22_900,
    "posted_at": "2021-04-28",
}
_QUOTE_ID: Json = {
    "name": "quote_id",
    "in": "path",
    "required": True,
    "schema": {"type": "string"},
    "example": "0199a1b2c3d4e5f60718293a4b5c6d7e",
}
POINT: Json = {"value": 80_000, "price": 22_450, "low": 18_900, "high": 26_100}


def explain_operation() -> dict[str, object]:
    """Describe `POST /explain`, whose body FastAPI does not parse.

    Returns:
        An OpenAPI operation object, without its summary.
    """
    return _operation(
        description="The quote, stored as any other; an explanation of its price; similar cars.",
        schema="Explanation",
        example={**UNITS, "quote": QUOTE, "reasons": REASONS, "comparables": [COMPARABLE]},
    )


def distribution_operation() -> dict[str, object]:
    """Describe `POST /distribution`, whose body FastAPI does not parse.

    Returns:
        An OpenAPI operation object, without its summary.
    """
    prices = (18_900, 19_600, 20_900, 22_450, 23_900, 25_300, 26_100)
    shared = ("currency", "model_version", "data_as_of", "support", "warnings")
    example = {
        **{name: QUOTE[name] for name in shared},
        "quantiles": [
            {"level": level, "price": price} for level, price in zip(ANSWERED_LEVELS, prices, strict=True)
        ],
        "asking": {"price": 21_500, "share_below": 0.3425, "share_above": 0.6575},
    }
    operation = _operation(
        description="Quantiles of the asking price; of 5, 50 and 95 % they are `low`, `price` and `high`.",
        schema="Distribution",
        example=example,
    )
    asking_price = {
        "name": ASKING_PRICE,
        "in": "query",
        "required": False,
        "description": f"A price to rank among those of such {MARKET.vehicles}, in {CURRENCY.name}.",
        "schema": {"type": "integer", "minimum": 1, "maximum": MAX_ASKING_PRICE},
    }
    return {**operation, "parameters": [asking_price]}


def curves_operation() -> dict[str, object]:
    """Describe `POST /curves`, whose body FastAPI does not parse.

    Returns:
        An OpenAPI operation object, without its summary.
    """
    operation = _operation(
        description="The price with its interval at other mileages and in other years; nothing is stored.",
        schema="Curves",
        example={
            **UNITS,
            "odometer": [POINT],
            "year": [{**POINT, "value": 2015}],
            "assumed_odometer": POINT["value"],
        },
    )
    return {**operation, "parameters": [_requested(field) for field in NUMBER_FIELDS if field.name in CURVES]}


def missing_operation() -> dict[str, object]:
    """Describe `POST /missing`, whose body FastAPI does not parse.

    Returns:
        An OpenAPI operation object, without its summary.
    """
    possible = {"value": "xlt", "share": 0.2546, "price": 22_450, "low": 18_900, "high": 26_100}
    return _operation(
        description="The fields that the listing lacks, the one that narrows the interval most first.",
        schema="MissingAnswers",
        example={**UNITS, "missing": [{"field": "trim", "narrower": 0.12, "values": [possible]}]},
    )


def _requested(field: NumberField) -> Json:
    item = {"type": "integer", "minimum": field.minimum, "maximum": field.maximum}
    return {
        "name": field.name,
        "in": "query",
        "required": False,
        "explode": True,
        "description": "Values to quote exactly, instead of the usual ones.",
        "schema": {"type": "array", "items": item, "maxItems": 100},
    }


def stored_quote_operation() -> dict[str, object]:
    """Describe `GET /quotes/ID`.

    Returns:
        An OpenAPI operation object, without its summary.
    """
    example = {
        **UNITS,
        "quote": QUOTE,
        "listing": EXAMPLE,
        "quoted_at": "2026-11-29T08:00:00+00:00",
        "rating": None,
        "reasons": REASONS,
        "comparables": [COMPARABLE],
    }
    answered = {
        "description": "The quote as it was given, with its listing.",
        "content": {"application/json": {"schema": ref("StoredQuote"), "example": example}},
    }
    return {"parameters": [_QUOTE_ID], "responses": {"200": answered, **_stored_problems()}}


def delete_quote_operation() -> dict[str, object]:
    """Describe `DELETE /quotes/ID`.

    Returns:
        An OpenAPI operation object, without its summary.
    """
    deleted = {"description": "The quote is deleted."}
    return {"parameters": [_QUOTE_ID], "responses": {"204": deleted, **_stored_problems()}}


def rating_operation() -> dict[str, object]:
    """Describe `PUT /quotes/ID/rating`, whose body FastAPI does not parse.

    Returns:
        An OpenAPI operation object, without its summary.
    """
    return {
        "parameters": [_QUOTE_ID],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": ref("Rating"), "example": {"rating": "useful"}}},
        },
        "responses": {
            "200": {
                "description": "Stored.",
                "content": {"application/json": {"schema": ref("StoredRating")}},
            },
            **body_problems("The rating is missing or unknown."),
            **_stored_problems(),
        },
    }


def _stored_problems() -> dict[str, object]:
    return {
        "404": problem_response("There is no such quote."),
        "503": problem_response("The journal is unavailable."),
    }


def _operation(*, description: str, schema: str, example: Json) -> dict[str, object]:
    content = {"schema": ref("Listing"), "examples": {f"one {MARKET.vehicle}": {"value": EXAMPLE}}}
    return {
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": {
            "200": {
                "description": description,
                "content": {"application/json": {"schema": ref(schema), "example": example}},
            },
            **body_problems("It is not one listing, or fields are missing, unknown or out of range."),
            "503": problem_response("There is no model in production yet."),
        },
    }
