"""A price certificate holds what a reader needs to judge a price, and leads back to it."""

from datetime import date

import pytest
from fpdf import FPDF

from answers import a_quote, explained
from carvalue.web.components.certificate import certificate_pdf
from carvalue.web.components.result import Valuation

LINK = "https://prices.example/?quote=" + "f" * 32
EXPLAINED = explained(
    quote=a_quote(
        price=22_041,
        low=15_821,
        high=30_313,
        data_as_of="2021-04-29",
        warnings=["the model year is newer than the training data"],
        quote_id="f" * 32,
    ),
    reasons={
        "start": 20_000,
        "start_label": "a 2014 ford explorer",
        "items": [{"label": "80,000 miles", "amount": 2_041}],
    },
    comparables=[],
)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that are written into the document."""
    texts: list[str] = []
    for name in ("cell", "multi_cell"):
        original = getattr(FPDF, name)

        def write(
            self: FPDF, width: float, height: float, text: str, original: object = original, **options: object
        ) -> object:
            texts.append(text)
            return original(self, width, height, text, **options)  # type: ignore[operator]

        monkeypatch.setattr(FPDF, name, write)
    return texts


def test_a_certificate_holds_price_range_date_support_reasons_and_id(written: list[str]) -> None:
    listing = {"manufacturer": "citro\u00ebn", "model": "c4 \u8eca", "year": 2015, "odometer": 80_000}
    valuation = Valuation(listing=listing, explained=EXPLAINED)

    document = certificate_pdf(valuation, link=LINK, source="own data", today=date(2026, 11, 29))

    text = "\n".join(written)
    assert document.startswith(b"%PDF-")
    for part in ("$22,041", "$15,821", "$30,313", "+$2,041", "April 29, 2021 (5 years before", "own data"):
        assert part in text
    assert "we know no car of this make and model" in text  # no similar car: no promise
    assert "newer than the training data" in text
    assert "Citro\u00ebn" in text  # other alphabets are replaced, and the document is written all the same
    assert LINK in text
    assert f"Quote {'f' * 32}" in text
