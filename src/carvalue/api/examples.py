"""Examples for the documentation, as types of the contract: a change of a type must change them."""

from datetime import UTC, date, datetime

from carvalue.api.json_schema import Json
from carvalue.api.messages import (
    ANSWERED_LEVELS,
    Comparable,
    CurvePoint,
    Curves,
    Distribution,
    ExplainedQuote,
    Feedback,
    FieldProblem,
    Health,
    MissingAnswer,
    MissingAnswers,
    Model,
    ModelAge,
    ModelOption,
    Options,
    PossibleValue,
    Problem,
    PublicModelCard,
    Quantile,
    Quote,
    RankedAskingPrice,
    Rating,
    RatingChoice,
    Readiness,
    Reason,
    Reasons,
    StoredFeedback,
    StoredQuote,
    StoredRating,
    Support,
    Trim,
    field_option,
)
from carvalue.listings import ALIASES, CURRENCY, DISTANCE, FIELD_BY_NAME, MARKET

_ALIAS = {name: alias for alias, name in ALIASES.items()}
LISTINGS: list[Json] = [
    {_ALIAS.get(name, name): value for name, value in example.items()} for example in MARKET.examples
]
LISTING, BRIEF_LISTING = LISTINGS[0], LISTINGS[-1]
"""The example with most fields, and the last one."""
QUOTE = Quote(
    price=22_450,
    low=18_900,
    high=26_100,
    currency=CURRENCY.code,
    model_version="3",
    data_as_of=date(2021, 5, 4),
    warnings=(),
    quote_id="0199a1b2c3d4e5f60718293a4b5c6d7e",
    support=Support(make=41_200, family=9_310, trim=2_120, year=840, grade="many"),
)
REASONS = Reasons(
    start=16_950,
    start_label="a typical car in the training data (2014 jeep grand cherokee, 86,000 miles)",
    items=(
        Reason(
            group="make_model",
            fields=("manufacturer", "model"),
            label="make and model: ford f-150",
            amount=4_900,
        ),
        Reason(group="odometer", fields=("odometer",), label="80,000 miles", amount=600),
    ),
)
COMPARABLE = Comparable(
    manufacturer="ford",
    model="f150 xlt",
    year=2015,
    odometer=81_250,
    price=22_900,
    posted_at=date(2021, 4, 28),
)
EXPLAINED_QUOTE = ExplainedQuote(
    currency=CURRENCY.code,
    distance_unit=DISTANCE.unit,
    quote=QUOTE,
    reasons=REASONS,
    comparables=(COMPARABLE,),
)
STORED_QUOTE = StoredQuote(
    currency=CURRENCY.code,
    distance_unit=DISTANCE.unit,
    quote=QUOTE,
    listing=dict(MARKET.examples[0]),
    quoted_at=datetime(2026, 11, 29, 8, tzinfo=UTC),
    rating=None,
    reasons=REASONS,
    comparables=(COMPARABLE,),
)
_PRICES = (18_900, 19_600, 20_900, 22_450, 23_900, 25_300, 26_100)
DISTRIBUTION = Distribution(
    currency=CURRENCY.code,
    model_version=QUOTE.model_version,
    data_as_of=QUOTE.data_as_of,
    quantiles=tuple(
        Quantile(level=level, price=price) for level, price in zip(ANSWERED_LEVELS, _PRICES, strict=True)
    ),
    asking=RankedAskingPrice(price=21_500, share_below=0.3425, share_above=0.6575),
    support=QUOTE.support,
    warnings=(),
)
CURVES = Curves(
    currency=CURRENCY.code,
    distance_unit=DISTANCE.unit,
    odometer=(CurvePoint(value=80_000, price=22_450, low=18_900, high=26_100),),
    year=(CurvePoint(value=2015, price=22_450, low=18_900, high=26_100),),
    assumed_odometer=80_000,
)
MISSING_ANSWERS = MissingAnswers(
    currency=CURRENCY.code,
    distance_unit=DISTANCE.unit,
    missing=(
        MissingAnswer(
            field="trim",
            narrower=0.12,
            values=(PossibleValue(value="xlt", share=0.2546, price=22_450, low=18_900, high=26_100),),
        ),
    ),
)
FEEDBACK = Feedback(quote_id=QUOTE.quote_id, sale_price=21_500)
STORED_FEEDBACK = StoredFeedback(quote_id=QUOTE.quote_id, sale_price=21_500, currency=CURRENCY.code)
RATING = Rating(rating=RatingChoice.USEFUL)
STORED_RATING = StoredRating(quote_id=QUOTE.quote_id, rating=RatingChoice.USEFUL)
OPTIONS = Options(
    currency=CURRENCY.code,
    distance_unit=DISTANCE.unit,
    makes=("ford", "toyota"),
    regions=("austin",),
    models=(ModelOption(name="f-150", listings=8_683),),
    matching=1,
    fields=(field_option(FIELD_BY_NAME["year"]),),
    trims=(Trim(name="xlt", listings=2_211, share=0.2546),),
)
MODEL = Model(
    currency=CURRENCY.code,
    distance_unit=DISTANCE.unit,
    name="vehicles-price-model",
    version="3",
    run_id="0f3c9d1e5b7a4c0f8d2e6b1a9c3f5e7d",
    registry="up",
    age_days=12.4,
    data_age_days=17.0,
    card=PublicModelCard(
        data_source="kaggle",
        source_description="Craigslist listings from Kaggle",
        dataset_fingerprint="b2f1c8d0",
        git_commit="c39dd51",
        data_as_of=date(2021, 5, 4),
        trained_at=datetime(2021, 5, 9, 8, tzinfo=UTC),
        newest_year=2022,
        rows={"train": 268_901, "validation": 31_640},
        metrics={"mdape": 0.126},
        params={"rounds": 500},
        versions={"xgboost": "3.2.0"},
        limits=("Prices are asking prices of private sellers and dealers, not sale prices.",),
        market=MARKET.name,
        currency=CURRENCY.code,
        distance_unit=DISTANCE.unit,
    ),
    test={"rows": 52_110, "mdape": 0.131},
    vocabulary={"makes": 42, "models": 1_593, "regions": 404},
)
READY = Readiness(
    status="ready",
    down={},
    degraded={"registry": "down"},
    model=ModelAge(version="3", age_days=12.4, data_age_days=17.0),
)
NOT_READY = Readiness(
    status="not ready", down={"model": "nothing in production yet"}, degraded={}, model=None
)
HEALTH = Health(status="alive")
ACCURACY = "<!doctype html>...<h1>How good are these prices?</h1>..."
METRICS = 'carvalue_quotes_total{version="3"} 17.0\n'
PROBLEM = Problem(
    type="about:blank",
    title="Unprocessable Entity",
    status=422,
    detail="1 value(s) cannot be used: year.",
    request_id="5d0f3c1a9b7e24680c1d2e3f",
    hint="GET /docs shows every field with its range.",
    errors=(
        FieldProblem(
            field="year", pointer="/year", came='"twenty"', expected="a whole number from 1985 to 2030"
        ),
    ),
)
