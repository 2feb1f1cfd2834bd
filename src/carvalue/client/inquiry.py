"""Price a car that a person describes in a line, such as "2015 ford f-150 xlt 80000 miles"."""

from dataclasses import dataclass
from difflib import get_close_matches

from carvalue.api import AnyExplainedQuote
from carvalue.client.price_service import PriceServiceClient
from carvalue.errors import AppError
from carvalue.listings import FIELD_BY_NAME, REQUIRED_FIELDS, Listing
from carvalue.listings.recognition import read_advertisement, read_vin


class CarUnclear(AppError):
    """The text does not name a car that can be priced."""

    status, hint = 422, 'Name year, make and model, such as "2015 ford f-150 xlt 80000 miles", or give a VIN.'


@dataclass(frozen=True, kw_only=True)
class PricedCar:
    """A car that was described in a line, with its quote.

    Attributes:
        listing: How the text was understood.
        explained: The quote with its explanation.
        asking: The asking price in the text, in dollars; None if there is none.
    """

    listing: Listing
    explained: AnyExplainedQuote
    asking: int | None


def price_text(client: PriceServiceClient, text: str) -> PricedCar:
    """Price a car that a person describes.

    Args:
        client: The price service.
        text: Year, make, model, trim, mileage and more, in any order; or a text with a VIN.

    Returns:
        How the text was understood, and the quote.

    Raises:
        CarUnclear: Make, model or year are missing, or probably misspelled.
        InvalidVin: The text has a VIN with a typing error.
    """
    makes = client.suggestions(None)["manufacturer"]
    recognized = read_advertisement(
        text, makes=makes, models_of=lambda make: client.suggestions(make)["model"]
    )
    listing = {**(read_vin(recognized.vin).listing if recognized.vin else {}), **recognized.listing}
    missing = [FIELD_BY_NAME[name].label.lower() for name in REQUIRED_FIELDS if name not in listing]
    if missing:
        raise CarUnclear(f"The text names no known {' and no '.join(missing)}.{_suggestion(text, makes)}")
    return PricedCar(listing=listing, explained=client.explain(listing), asking=recognized.asking)


def _suggestion(text: str, makes: tuple[str, ...]) -> str:
    words = [word for word in text.lower().split() if word not in makes]
    close = (match for word in words for match in get_close_matches(word, makes, n=1, cutoff=0.75))
    match = next(close, None)
    return f" Did you mean {match}?" if match else ""
