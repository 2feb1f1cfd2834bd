"""OpenAPI descriptions of `POST /explain` and `POST /curves`, built from the types that are answered."""

from collections.abc import Mapping

from carvalue.journal import RATING_CHOICES
from carvalue.listings import CURRENCY, MARKET, NUMBER_FIELDS, NumberField
from carvalue.pricing.explain import GROUPS
from carvalue.pricing.market import COMPARABLE_COLUMNS, MAX_COMPARABLES
from carvalue.serving.openapi.predict import (
    EXAMPLE,
    QUOTE,
    Json,
    body_problems,
    listing_schema,
    problem_response,
    quote_schema,
)

CURVES = ("odometer", "year")
WHOLE: Json = {"type": "integer"}
TEXT: Json = {"type": "string"}
REASONS: Json = {
    "start": 16_950,
    "start_label": "a typical car in the training data (2014 jeep grand cherokee, 86,000 miles)",
    "items": [
        {
            "group": "make_model",
            "fields": ["manufacturer", "model"],
            "label": "make and model: ford f-150",
            "dollars": 4_900,
        },
        {"group": "odometer", "fields": ["odometer"], "label": "80,000 miles", "dollars": 600},
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
        schema=_object(
            "Explanation",
            {
                "quote": quote_schema(),
                "reasons": _reasons_schema(),
                "comparables": {"type": "array", "items": _comparable_schema(), "maxItems": MAX_COMPARABLES},
            },
        ),
        example={"quote": QUOTE, "reasons": REASONS, "comparables": [COMPARABLE]},
    )


def curves_operation() -> dict[str, object]:
    """Describe `POST /curves`, whose body FastAPI does not parse.

    Returns:
        An OpenAPI operation object, without its summary.
    """
    curve = {"type": "array", "items": _object("Point", dict.fromkeys(POINT, WHOLE))}
    assumed = {
        "type": ["integer", "null"],
        "description": "The listing's mileage; without one, the mileage whose price is that of the listing.",
    }
    operation = _operation(
        description="The price with its interval at other mileages and in other years; nothing is stored.",
        schema=_object("Curves", {"odometer": curve, "year": curve, "assumed_odometer": assumed}),
        example={"odometer": [POINT], "year": [{**POINT, "value": 2015}], "assumed_odometer": POINT["value"]},
    )
    return {**operation, "parameters": [_requested(field) for field in NUMBER_FIELDS if field.name in CURVES]}


def missing_operation() -> dict[str, object]:
    """Describe `POST /missing`, whose body FastAPI does not parse.

    Returns:
        An OpenAPI operation object, without its summary.
    """
    value = _object(
        "PossibleValue",
        {
            "value": {"type": ["string", "integer"]},
            "share": {"type": ["number", "null"], "description": "Share of the model's training listings."},
            **dict.fromkeys(("price", "low", "high"), WHOLE),
        },
    )
    narrower = {"type": "number", "description": "Share by which the interval gets narrower on average."}
    field = _object(
        "MissingAnswer",
        {"field": TEXT, "narrower": narrower, "values": {"type": "array", "items": value}},
    )
    possible = {"value": "xlt", "share": 0.2546, "price": 22_450, "low": 18_900, "high": 26_100}
    return _operation(
        description="The fields that the listing lacks, the one that narrows the interval most first.",
        schema=_object("MissingAnswers", {"missing": {"type": "array", "items": field}}),
        example={"missing": [{"field": "trim", "narrower": 0.12, "values": [possible]}]},
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
    stored = {
        "quote": {"type": "object"},
        "listing": {"type": "object"},
        "quoted_at": {**TEXT, "format": "date-time"},
        "rating": {"type": ["string", "null"], "enum": [*RATING_CHOICES, None]},
        "reasons": {"type": ["object", "null"]},
        "comparables": {"type": "array", "items": _comparable_schema(), "maxItems": MAX_COMPARABLES},
    }
    example = {
        "quote": QUOTE,
        "listing": EXAMPLE,
        "quoted_at": "2026-11-29T08:00:00+00:00",
        "rating": None,
        "reasons": REASONS,
        "comparables": [COMPARABLE],
    }
    answered = {
        "description": "The quote as it was given, with its listing.",
        "content": {"application/json": {"schema": _object("StoredQuote", stored), "example": example}},
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
    rating: Json = {**TEXT, "enum": list(RATING_CHOICES)}
    request = {**_object("Rating", {"rating": rating}), "additionalProperties": False}
    stored = {"schema": _object("StoredRating", {"quote_id": TEXT, "rating": rating})}
    return {
        "parameters": [_QUOTE_ID],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": request, "example": {"rating": "useful"}}},
        },
        "responses": {
            "200": {"description": "Stored.", "content": {"application/json": stored}},
            **body_problems("The rating is missing or unknown."),
            **_stored_problems(),
        },
    }


def _stored_problems() -> dict[str, object]:
    return {
        "404": problem_response("There is no such quote."),
        "503": problem_response("The journal is unavailable."),
    }


def _operation(*, description: str, schema: Json, example: Json) -> dict[str, object]:
    content = {"schema": listing_schema(), "examples": {f"one {MARKET.vehicle}": {"value": EXAMPLE}}}
    return {
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": {
            "200": {
                "description": description,
                "content": {"application/json": {"schema": schema, "example": example}},
            },
            **body_problems("It is not one listing, or fields are missing, unknown or out of range."),
            "503": problem_response("There is no model in production yet."),
        },
    }


def _reasons_schema() -> Json:
    reason = _object(
        "Reason",
        {
            "group": {**TEXT, "enum": [group.name for group in GROUPS]},
            "fields": {"type": "array", "items": TEXT},
            "label": {**TEXT, "description": "This part of the listing as text."},
            "dollars": {**WHOLE, "description": f"What it adds to the price, in {CURRENCY.name}."},
        },
    )
    return _object(
        "Reasons",
        {
            "start": {
                **WHOLE,
                "description": "Price of the reference car; the price is this plus all `dollars`.",
            },
            "start_label": TEXT,
            "items": {"type": "array", "items": reason, "description": "The largest first."},
        },
    )


def _comparable_schema() -> Json:
    number, text = {"type": ["integer", "null"]}, {"type": ["string", "null"]}
    return _object(
        "Comparable",
        {name: number if name in {"year", "odometer", "price"} else text for name in COMPARABLE_COLUMNS},
    )


def _object(title: str, properties: Mapping[str, object]) -> dict[str, object]:
    return {"title": title, "type": "object", "required": list(properties), "properties": properties}
