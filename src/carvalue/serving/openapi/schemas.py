"""The named schemas of the OpenAPI document: what requests and answers hold."""

from collections.abc import Mapping

from fastapi import FastAPI
from pydantic import TypeAdapter

from carvalue.journal import RATING_CHOICES
from carvalue.listings import CURRENCY, MARKET
from carvalue.pricing.bundle import ModelCard
from carvalue.pricing.explain import GROUPS
from carvalue.pricing.market import COMPARABLE_COLUMNS, MAX_COMPARABLES
from carvalue.serving.feedback import MAX_SALE_PRICE, QUOTE_ID
from carvalue.serving.openapi.components import (
    FIELD_PROBLEM_SCHEMA,
    NUMBER,
    PROBLEM_SCHEMA,
    TEXT,
    UNITS,
    WHOLE,
    Json,
    list_of,
    nullable,
    object_schema,
    ref,
)
from carvalue.serving.openapi.listing_schema import listing_schema, stored_listing_schema

GRADES = ("none", "few", "some", "many")
PRICES: Json = {
    "price": WHOLE | {"description": f"The most likely asking price, in {CURRENCY.name}."},
    "low": WHOLE | {"description": "The lower end of the price interval."},
    "high": WHOLE | {"description": "The upper end of the price interval."},
}
DATE: Json = {"type": "string", "format": "date"}
TIME: Json = {"type": "string", "format": "date-time"}


def describe_schemas(app: FastAPI) -> None:
    """Add the named schemas to the OpenAPI document of an application.

    Args:
        app: its routes refer to the schemas.
    """
    document = app.openapi

    def with_schemas() -> dict[str, object]:
        described = document()
        described["components"]["schemas"].update(named_schemas())
        return described

    app.openapi = with_schemas  # type: ignore[method-assign]  # FastAPI documents this way to extend it


def named_schemas() -> Mapping[str, Json]:
    """Describe the objects of requests and answers.

    Returns:
        Name -> JSON schema.
    """
    return {
        "Listing": listing_schema(),
        "StoredListing": stored_listing_schema(),
        "Support": _support(),
        **_quotes(),
        **_explanations(),
        **_distributions(),
        **_what_ifs(),
        **_feedback(),
        **_states(),
        "Problem": PROBLEM_SCHEMA,
        "FieldProblem": FIELD_PROBLEM_SCHEMA,
    }


def _support() -> Json:
    counts = dict.fromkeys(("make", "family", "trim", "year"), WHOLE)
    support = object_schema({**counts, "grade": {**TEXT, "enum": GRADES}})
    return support | {
        "description": (
            "How many training listings resemble this one, by make, model family, trim, and year of the "
            "family. The interval of grade `none` is calibrated on listings whose names were hidden."
        )
    }


def _quotes() -> Mapping[str, Json]:
    as_of = {**DATE, "description": "The day of the newest training listing."}
    properties = {
        **PRICES,
        "currency": UNITS["currency"],
        "model_version": {**TEXT, "description": "The version of `vehicles-price-model` that quoted."},
        "data_as_of": as_of,
        "warnings": list_of(TEXT) | {"description": "What makes this quote less certain."},
        "quote_id": TEXT,
        "support": ref("Support"),
    }
    recorded = {
        "type": "boolean",
        "const": False,
        "description": (
            "Present if the quote could not be recorded, because the disk of the service is full: "
            "no sale can be reported for it."
        ),
    }
    quote = object_schema(properties)
    former = {"data_as_of": nullable(as_of), "support": nullable(ref("Support"))}
    return {
        "Quote": {**quote, "properties": {**properties, "recorded": recorded}},
        "FormerQuote": object_schema({**properties, **former})
        | {"description": "A quote as it was given. Of a former model, the nullable properties are null."},
        "StoredQuote": object_schema(
            {
                **UNITS,
                "quote": ref("FormerQuote"),
                "listing": ref("StoredListing"),
                "quoted_at": TIME,
                "rating": nullable(ref("RatingChoice")),
                "reasons": nullable(ref("Reasons")),
                "comparables": list_of(ref("Comparable")) | {"maxItems": MAX_COMPARABLES},
            }
        ),
    }


def _explanations() -> Mapping[str, Json]:
    number, text = {"type": ["integer", "null"]}, {"type": ["string", "null"]}
    return {
        "Explanation": object_schema(
            {
                **UNITS,
                "quote": ref("Quote"),
                "reasons": ref("Reasons"),
                "comparables": list_of(ref("Comparable")) | {"maxItems": MAX_COMPARABLES},
            }
        ),
        "Reasons": object_schema(
            {
                "start": WHOLE
                | {
                    "description": f"Price of a typical {MARKET.vehicle}; the price is this plus all amounts."
                },
                "start_label": TEXT,
                "items": list_of(ref("Reason")) | {"description": "The largest first."},
            }
        ),
        "Reason": object_schema(
            {
                "group": {**TEXT, "enum": [group.name for group in GROUPS]},
                "fields": list_of(TEXT),
                "label": TEXT | {"description": "This part of the listing as text."},
                "amount": WHOLE | {"description": f"What it adds to the price, in {CURRENCY.name}."},
            }
        ),
        "Comparable": object_schema(
            {name: number if name in {"year", "odometer", "price"} else text for name in COMPARABLE_COLUMNS}
        ),
    }


def _distributions() -> Mapping[str, Json]:
    level = NUMBER | {"description": "Probability that the asking price is at most this price."}
    share = NUMBER | {"minimum": 0, "maximum": 1}
    below = f"Share of such {MARKET.vehicles} that are advertised for less: the rank of the asking price."
    above = f"Probability that such a {MARKET.vehicle} is advertised for more."
    return {
        "Distribution": object_schema(
            {
                "currency": UNITS["currency"],
                "model_version": TEXT,
                "data_as_of": DATE,
                "quantiles": list_of(ref("Quantile")) | {"description": "The lowest first."},
                "asking": nullable(ref("RankedAskingPrice")),
                "support": ref("Support"),
                "warnings": list_of(TEXT) | {"description": "What makes the distribution less certain."},
            }
        ),
        "Quantile": object_schema({"level": level, "price": WHOLE}),
        "RankedAskingPrice": object_schema(
            {
                "price": WHOLE,
                "share_below": share | {"description": below},
                "share_above": share | {"description": above},
            }
        ),
    }


def _what_ifs() -> Mapping[str, Json]:
    assumed = {
        "type": ["integer", "null"],
        "description": "The listing's mileage; without one, the mileage whose price is that of the listing.",
    }
    value = {
        "value": {"type": ["string", "integer"]},
        "share": {"type": ["number", "null"], "description": "Share of the model's training listings."},
        **PRICES,
    }
    narrower = NUMBER | {"description": "Share by which the interval gets narrower on average."}
    field = {"field": TEXT, "narrower": narrower, "values": list_of(ref("PossibleValue"))}
    curves = dict.fromkeys(("odometer", "year"), list_of(ref("CurvePoint")))
    return {
        "Curves": object_schema({**UNITS, **curves, "assumed_odometer": assumed}),
        "CurvePoint": object_schema({"value": WHOLE, **PRICES}),
        "MissingAnswers": object_schema({**UNITS, "missing": list_of(ref("MissingAnswer"))}),
        "MissingAnswer": object_schema(field),
        "PossibleValue": object_schema(value),
    }


def _feedback() -> Mapping[str, Json]:
    properties = {
        "quote_id": TEXT
        | {
            "pattern": f"^{QUOTE_ID.pattern}$",
            "description": "Id of the quote, from the answer of `POST /predict`.",
        },
        "sale_price": WHOLE
        | {
            "minimum": 1,
            "maximum": MAX_SALE_PRICE,
            "description": f"Price that the {MARKET.vehicle} was sold for, in {CURRENCY.name}.",
        },
    }
    rating = {"rating": ref("RatingChoice")}
    return {
        "Feedback": object_schema(properties) | {"additionalProperties": False},
        "StoredFeedback": object_schema({**properties, "currency": UNITS["currency"]}),
        "RatingChoice": {**TEXT, "enum": RATING_CHOICES},
        "Rating": object_schema(rating) | {"additionalProperties": False},
        "StoredRating": object_schema({"quote_id": TEXT, **rating}),
    }


def _states() -> Mapping[str, Json]:
    parts = {"type": "object", "additionalProperties": TEXT, "description": "Name of a part -> its state."}
    ages = {"age_days": NUMBER, "data_age_days": NUMBER}
    return {
        "ModelCard": TypeAdapter(ModelCard).json_schema(),
        "Model": object_schema(
            {
                **UNITS,
                **dict.fromkeys(("name", "version", "run_id", "registry"), TEXT),
                **ages,
                "card": ref("ModelCard"),
                "test": {"type": "object", "additionalProperties": NUMBER},
                "vocabulary": {"type": "object", "additionalProperties": WHOLE},
            }
        ),
        "ModelAge": object_schema({"version": TEXT, **ages}),
        "Readiness": object_schema(
            {
                "status": {**TEXT, "enum": ["ready", "not ready"]},
                "down": parts,
                "degraded": parts,
                "model": nullable(ref("ModelAge")),
            }
        ),
        "Health": object_schema({"status": {**TEXT, "const": "alive"}}),
    }
