"""A price as a PDF document: range, date of the data, support, reasons, and a QR code of its link."""

from collections.abc import Sequence
from datetime import date

import segno
from fpdf import FPDF
from fpdf.enums import XPos, YPos

from carvalue.api import AnyQuote, Reason
from carvalue.client import support_in_words
from carvalue.listings import CURRENCY, FIELDS, MARKET, Field, NumberField, Value
from carvalue.web.components.formatting import age_in_words, car_name, choice_name, format_date
from carvalue.web.components.result import Valuation

FONT = "Helvetica"  # one of the fonts that every PDF reader has; its characters are those of Latin-1
GREEN, GREY = (15, 92, 77), (90, 90, 90)
MARGIN, WIDTH = 18, 215.9 - 2 * 18  # millimetres, US Letter
IN_TITLE = {"manufacturer", "model", "year", "odometer"}  # fields that the name of the car holds
QR_SIZE = 34  # millimetres
NOTE = (
    "An estimate of the asking price in an advertisement, made by a statistical model from past "
    f"advertisements. It is neither an offer nor an inspection of the {MARKET.vehicle}."
)


def certificate_pdf(valuation: Valuation, *, link: str, source: str, today: date) -> bytes:
    """Write a price as a PDF document of one page.

    Args:
        valuation: The quote and its car.
        link: The permanent link of the quote.
        source: Where the training data comes from, in a few words; empty if it is not known.
        today: The date of the document.

    Returns:
        The document.
    """
    quote, pdf = valuation.explained.quote, _page(f"Price of a {car_name(valuation.listing)}")
    _header(pdf, today)
    _write(pdf, car_name(valuation.listing), size=17, style="B", after=1)
    _write(pdf, _details(valuation), color=GREY, after=4)
    _write(pdf, _amount(quote.price), size=30, style="B", color=GREEN, after=1)
    _range(pdf, quote)
    _write(pdf, f"Most likely asking price, {support_in_words(valuation.explained)}.", after=1)
    _write(pdf, _data_date(quote, source, today), style="B", after=3)
    for warning in quote.warnings:
        _write(pdf, f"- {warning}", after=0.5)
    if reasons := valuation.explained.reasons:
        _write(pdf, "Why this price", size=13, style="B", before=4, after=2)
        _reasons(pdf, f"{reasons.start_label}", reasons.start, reasons.items, quote.price)
    _footer(pdf, link, quote)
    return bytes(pdf.output())


def _page(title: str) -> FPDF:
    pdf = FPDF(format="letter")
    pdf.set_margins(MARGIN, MARGIN, MARGIN)
    pdf.c_margin = 0
    pdf.set_auto_page_break(auto=False)
    pdf.set_title(_latin(title))
    pdf.set_lang("en-US")
    pdf.add_page()
    return pdf


def _header(pdf: FPDF, today: date) -> None:
    pdf.set_fill_color(*GREEN)
    pdf.rect(0, 0, pdf.w, 9, style="F")
    pdf.set_y(16)
    _write(pdf, "carvalue", size=16, style="B", color=GREEN, after=0)
    _write(pdf, f"Price certificate, {format_date(today)}", color=GREY, after=6)


def _details(valuation: Valuation) -> str:
    named = ((field, valuation.listing.get(field.name)) for field in FIELDS if field.name not in IN_TITLE)
    return ", ".join(f"{field.label}: {_shown(field, value)}" for field, value in named if value is not None)


def _shown(field: Field, value: Value) -> str:
    if isinstance(field, NumberField) and isinstance(value, int | float):
        return f"{value:,} {field.unit}"
    return choice_name(str(value))


def _amount(amount: int) -> str:
    """Format an amount; with the code of the currency if the font lacks its sign."""
    is_in_font = _latin(CURRENCY.symbol) == CURRENCY.symbol
    return CURRENCY.format(amount) if is_in_font else f"{CURRENCY.code} {amount:,}"


def _data_date(quote: AnyQuote, source: str, today: date) -> str:
    if quote.data_as_of is None:
        return "Priced by a former model."
    age = age_in_words(quote.data_as_of, today=today)
    of = f", {source}" if source else ""
    return f"Prices as of {format_date(quote.data_as_of)} ({age} before the date of this document){of}."


def _range(pdf: FPDF, quote: AnyQuote) -> None:
    top, share = pdf.get_y() + 2, (quote.price - quote.low) / max(quote.high - quote.low, 1)
    pdf.set_fill_color(*GREEN)
    pdf.rect(MARGIN, top, WIDTH, 3.5, style="F", round_corners=True, corner_radius=1.7)
    pdf.set_fill_color(0, 0, 0)
    pdf.rect(MARGIN + share * WIDTH - 0.6, top - 1.5, 1.2, 6.5, style="F")
    pdf.set_y(top + 6.5)
    _two(pdf, _amount(quote.low), _amount(quote.high), style="B")
    pdf.ln(2)


def _reasons(pdf: FPDF, start: str, dollars: int, items: Sequence[Reason], price: int) -> None:
    _two(pdf, start, _amount(dollars))
    for item in items:
        sign = "+" if item.amount > 0 else "-"
        _two(pdf, item.label, f"{sign}{_amount(abs(item.amount))}")
    _two(pdf, f"This {MARKET.vehicle}", _amount(price), style="B")


def _footer(pdf: FPDF, link: str, quote: AnyQuote) -> None:
    top = pdf.h - MARGIN - QR_SIZE
    _qr_code(pdf, link, x=pdf.w - MARGIN - QR_SIZE, y=top)
    pdf.set_y(top)
    pdf.set_right_margin(MARGIN + QR_SIZE + 6)
    _write(pdf, "This price on the web, until it is deleted:", style="B", after=0.5)
    _write(pdf, link, after=2)
    _write(pdf, f"Quote {quote.quote_id}, model version {quote.model_version}.", after=2)
    _write(pdf, NOTE, color=GREY, after=0)


def _qr_code(pdf: FPDF, link: str, *, x: float, y: float) -> None:
    modules = segno.make(link, error="m").matrix
    size = QR_SIZE / len(modules)
    pdf.set_fill_color(0, 0, 0)
    for row, line in enumerate(modules):
        for column, is_dark in enumerate(line):
            if is_dark:
                pdf.rect(x + column * size, y + row * size, size, size, style="F")


def _write(
    pdf: FPDF,
    text: str,
    *,
    size: int = 10,
    style: str = "",
    color: tuple[int, int, int] = (0, 0, 0),
    before: float = 0,
    after: float = 0,
) -> None:
    """Write a paragraph; the distances before and after it are in millimetres, the size is in points."""
    pdf.set_font(FONT, style=style, size=size)
    pdf.set_text_color(*color)
    pdf.ln(before)
    pdf.multi_cell(0, 0.5 * size, _latin(text), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.ln(after)


def _two(pdf: FPDF, left: str, right: str, *, style: str = "") -> None:
    """Write a line with a text at each end."""
    pdf.set_font(FONT, style=style, size=10)
    pdf.set_text_color(0, 0, 0)
    pdf.cell(WIDTH - 30, 5.5, _latin(left), new_x=XPos.RIGHT, new_y=YPos.TOP)
    pdf.cell(30, 5.5, _latin(right), align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _latin(text: str) -> str:
    """Replace what the font lacks by question marks; the link in the document shows the true text."""
    return text.encode("latin-1", "replace").decode("latin-1")
