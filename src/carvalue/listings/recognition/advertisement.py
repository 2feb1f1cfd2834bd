"""Read the text of an advertisement, or a car as people type it, with rules; nothing is sent anywhere."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from carvalue.listings.schema import (
    EARLIEST_YEAR,
    FIELD_BY_NAME,
    LATEST_YEAR,
    CategoryField,
    Listing,
    Value,
)

MAX_TEXT = 20_000  # characters that are read
MAX_TRIM_WORDS = 3
NO_TRIM = frozenset("with for in and at only has is the a".split())
MAX_MILES, MAX_PRICE = 400_000, 1_000_000
MAKE_ALIASES: Mapping[str, str] = {
    "chevy": "chevrolet",
    "vw": "volkswagen",
    "mercedes": "mercedes-benz",
    "benz": "mercedes-benz",
    "landrover": "land rover",
    "range rover": "land rover",
}
_NUMBER = r"(?P<number>\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?)(?P<thousands> ?k\b)?"
_YEAR = re.compile(r"(?<![\d$,.])(19[89]\d|20[0-3]\d)(?!\d|[,.]\d)")
_MILES = (
    re.compile(rf"(?:odometer|mileage|miles)\s*(?:reading)?\s*[:=]\s*{_NUMBER}", re.IGNORECASE),
    re.compile(rf"(?<![\d$.,]){_NUMBER} ?(?:original |actual |highway )?(?:miles|mile|mi)\b", re.IGNORECASE),
    re.compile(r"(?<![\d$.,])(?P<number>\d{2,3})(?P<thousands> ?k)\b", re.IGNORECASE),
)
_PRICE = (
    re.compile(rf"\$ ?{_NUMBER}", re.IGNORECASE),
    re.compile(rf"\b(?:price|asking)\b\s*(?:price)?\s*[:=]?\s*{_NUMBER}", re.IGNORECASE),
)
_VIN = re.compile(
    r"\b(?=[A-Z]*\d)(?=\d*[A-Z])[A-Z0-9]{17}\b", re.IGNORECASE
)  # also with I, O, Q: typing errors
_STATE = re.compile(r",\s*([A-Za-z]{2})\b")
_WORD = re.compile(r"[a-z0-9][a-z0-9.\-]*", re.IGNORECASE)


def _choices(name: str) -> tuple[str, ...]:
    field = FIELD_BY_NAME.get(name)
    return field.choices if isinstance(field, CategoryField) else ()


_PHRASES: Mapping[str, Mapping[str, str]] = {
    "title_status": {
        r"(salvage|rebuilt|lien|clean|missing) title": "",
        r"title( status)?\s*[:=]\s*(salvage|rebuilt|lien|clean|missing)": "",
    },
    "condition": {
        r"like new": "like new",
        r"(excellent|good|fair|new) (condition|shape)": "",
        r"condition\s*[:=]\s*(excellent|good|fair|like new|new|salvage)": "",
        r"\bexcellent\b": "excellent",
    },
    "cylinders": {r"\b(3|4|5|6|8|10|12)[ -]?cyl(inders?)?\b": "", r"\b[vi]-?(4|5|6|8|10|12)\b": ""},
    "fuel": {
        r"\bdiesel\b": "diesel",
        r"\bhybrid\b": "hybrid",
        r"\belectric\b(?! (windows|seats|locks|start))": "electric",
        r"\b(gas|gasoline)\b": "gas",
    },
    "transmission": {r"\bautomatic\b|\bauto trans": "automatic", r"\bmanual\b|\bstick shift\b": "manual"},
    "drive": {
        r"\b(4wd|4x4|awd|four[ -]wheel drive|all[ -]wheel drive)\b": "4wd",
        r"\b(fwd|front[ -]wheel drive)\b": "fwd",
        r"\b(rwd|rear[ -]wheel drive)\b": "rwd",
    },
    "type": {rf"\b{re.escape(choice)}\b": choice for choice in _choices("type") if choice != "other"},
    "paint_color": {rf"\b{choice}\b": choice for choice in _choices("paint_color") if choice != "custom"}
    | {r"\bgray\b": "grey"},
}
"""Field -> pattern -> value; an empty value stands for the choice that a group of the pattern names."""


@dataclass(frozen=True, kw_only=True)
class Advertisement:
    """What a text tells about a car.

    Attributes:
        listing: The fields that were found.
        asking: The asking price, in dollars; None if there is none.
        vin: The vehicle identification number; None if there is none.
    """

    listing: Listing
    asking: int | None
    vin: str | None


def read_advertisement(
    text: str, *, makes: Sequence[str], models_of: Callable[[str], Sequence[str]]
) -> Advertisement:
    """Read the text of an advertisement.

    Args:
        text: The text; its first `MAX_TEXT` characters are read.
        makes: Known makes.
        models_of: Returns the known models of a make.

    Returns:
        What was found. A field that the text does not name clearly is left out.

    Examples:
        >>> found = read_advertisement(
        ...     "2015 Ford F-150 XLT - $23,500 (Austin, TX) 80k miles, clean title, 4x4, V8",
        ...     makes=("ford", "toyota"), models_of=lambda make: ("f-150", "focus"),
        ... )
        >>> found.asking, found.listing["model"], found.listing["year"], found.listing["odometer"]
        (23500, 'f-150 xlt', 2015, 80000)
        >>> found.listing["cylinders"], found.listing["drive"], found.listing["state"]
        ('8 cylinders', '4wd', 'tx')
    """
    text = text[:MAX_TEXT]
    asking, rest = _take(text, _PRICE, highest=MAX_PRICE)
    miles, rest = _take(rest, _MILES, highest=MAX_MILES)
    vin, year = _VIN.search(rest), _YEAR.search(rest)
    make, after = _find_make(rest, makes)
    values: dict[str, Value] = {
        "manufacturer": make,
        "model": _find_model(after, models_of(make)) if make else None,
        "year": int(year[0]) if year and EARLIEST_YEAR <= int(year[0]) <= LATEST_YEAR else None,
        "odometer": miles,
        "state": _find_state(text),
        **{field: _find_choice(field, rest) for field in _PHRASES},
    }
    recognized = {name: value for name, value in values.items() if value is not None}
    return Advertisement(listing=recognized, asking=asking, vin=vin[0].upper() if vin else None)


def _take(text: str, patterns: Iterable[re.Pattern[str]], *, highest: int) -> tuple[int | None, str]:
    """Return the first number that fits, and the text without it."""
    for pattern in patterns:
        for match in pattern.finditer(text):
            number = float(match["number"].replace(",", "")) * (1_000 if match["thousands"] else 1)
            if 0 < number <= highest:
                return int(number), f"{text[: match.start()]} {text[match.end() :]}"
    return None, text


def _find_make(text: str, makes: Sequence[str]) -> tuple[str | None, str]:
    """Return the make that the text names first, and the text after it."""
    spellings = {make: make for make in makes} | {
        alias: make for alias, make in MAKE_ALIASES.items() if make in makes
    }
    hits = [
        (match.start(), -len(spelling), make, match.end())
        for spelling, make in spellings.items()
        if (match := re.search(rf"\b{re.escape(spelling).replace('-', '[- ]')}\b", text, re.IGNORECASE))
    ]
    if not hits:
        return None, text
    _, _, make, end = min(hits)
    return make, text[end:]


def _find_model(text: str, models: Sequence[str]) -> str | None:
    """Return the known model that the text names first, with at most three words of trim after it."""
    known = {_letters(model): model for model in reversed(models)}
    words = list(_WORD.finditer(text))
    for start in range(len(words)):
        for end in range(min(start + 3, len(words)), start, -1):
            model = known.get(_letters(text[words[start].start() : words[end - 1].end()]))
            if model:
                return " ".join([model, *_trim(text[words[end - 1].end() :])])
    return None


def _trim(text: str) -> Iterator[str]:
    """Yield the words up to the first punctuation, number or phrase that belongs to another field."""
    line = re.match(r"[a-z0-9 .\-]*", text, re.IGNORECASE)
    for word in (line[0] if line else "").split()[:MAX_TRIM_WORDS]:
        is_word = re.fullmatch(r"[a-z][a-z0-9\-]*", word, re.IGNORECASE)
        if not is_word or word.lower() in NO_TRIM or any(_find_choice(field, word) for field in _PHRASES):
            return
        yield word.lower()


def _find_choice(field: str, text: str) -> str | None:
    for pattern, value in _PHRASES[field].items():
        if match := re.search(pattern, text, re.IGNORECASE):
            return value or _named_choice(field, match)
    return None


def _named_choice(field: str, match: re.Match[str]) -> str | None:
    named = [group.lower() for group in match.groups() if group]
    return next(
        (choice for group in named for choice in _choices(field) if choice in {group, f"{group} cylinders"}),
        None,
    )


def _find_state(text: str) -> str | None:
    return next((code for code in map(str.lower, _STATE.findall(text)) if code in _choices("state")), None)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.lower()))
