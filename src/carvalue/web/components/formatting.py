"""How the page says things: money, dates, names of makes, texts that may hold Markdown's own characters."""

import re
from collections.abc import Mapping
from datetime import date
from difflib import get_close_matches

from carvalue.listings import Value

MARKDOWN = re.compile(
    r"([\\`*_{}\[\]()#+!|$~<>:])"
)  # `$` too: between two of them Streamlit sees mathematics

SOURCES = {
    "kaggle": "advertisements on Craigslist, United States",
    "file": "the operator's own file of advertisements",
    "sample": "generated sample data, not real advertisements",
}


def escape_markdown(text: str) -> str:
    """Escape a text so that it shows as it is."""
    return MARKDOWN.sub(r"\\\1", text)


def format_dollars(amount: int) -> str:
    """Say an amount in dollars."""
    return f"\\${amount:,}"


def format_date(iso: str) -> str:
    """Say a date as people write it."""
    when = date.fromisoformat(iso)
    return f"{when:%B} {when.day}, {when.year}"


def source_name(source: str) -> str:
    """Say where listings came from; a source that the page does not know has its own name."""
    return SOURCES.get(source, source)


def make_name(make: str) -> str:
    """Say a make as its owner does, as far as a rule can: BMW, GMC, Land Rover, Mercedes-Benz."""
    return make.upper() if len(make) <= 3 else make.title()


def choice_name(choice: str) -> str:
    """Say a choice: states in capitals, other words with the first letter large."""
    return choice.upper() if len(choice) == 2 else choice[:1].upper() + choice[1:]


def car_name(listing: Mapping[str, Value]) -> str:
    """Say which car a listing is about, in a line."""
    make = make_name(str(listing["manufacturer"]))
    named = f"{listing['year']} {make} {listing['model']}"
    odometer = listing.get("odometer")
    return f"{named}, {odometer:,} miles" if isinstance(odometer, int) else named


def complete_word(text: str | None, offered: tuple[str, ...]) -> str | None:
    """Complete a half-typed word where only one of the offered ones begins like it."""
    typed = _letters(text)
    beginning = [word for word in offered if _letters(word).startswith(typed)]
    return beginning[0] if typed and len(beginning) == 1 else text


def similar_words(text: str | None, offered: tuple[str, ...]) -> tuple[str, ...]:
    """Find at most three offered words for a text that is none of them."""
    typed = _letters(text)
    known = {_letters(word): word for word in reversed(offered)}
    if not typed or typed in known:
        return ()
    holding = [word for word in offered if typed in _letters(word)][:3]
    close = [known[letters] for letters in get_close_matches(typed, known, n=3)]
    return tuple(dict.fromkeys([*holding, *close]))[:3]


def _letters(text: str | None) -> str:
    """What remains when f-150, F150 and f 150 are the same word."""
    return "".join(filter(str.isalnum, (text or "").lower()))
