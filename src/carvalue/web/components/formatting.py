"""Formats money, dates and names, and completes what a visitor types."""

import re
from collections.abc import Mapping
from datetime import date
from difflib import get_close_matches

from carvalue.listings import CURRENCY, DISTANCE, MARKET, Value

# `$` too: Streamlit renders the text between two of them as mathematics
MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|$~<>:])")
MAX_SIMILAR = 3
MAX_ABBREVIATION = 4  # letters; a longer word without a vowel is no abbreviation
VOWEL = re.compile("[aeiouy]", re.IGNORECASE)

SOURCES = {
    "kaggle": MARKET.advertisements,
    "file": "the operator's own file of advertisements",
    "sample": "generated sample data, not real advertisements",
}


def escape_markdown(text: str) -> str:
    r"""Escape a text for Streamlit's Markdown, so that it is shown unchanged.

    Args:
        text: Any text.

    Returns:
        The text with a backslash before each character that Markdown interprets.

    Examples:
        >>> print(escape_markdown("*F-150* for $9,500"))
        \*F-150\* for \$9,500
    """
    return MARKDOWN.sub(r"\\\1", text)


def format_dollars(amount: int) -> str:
    r"""Format an amount in dollars for Streamlit's Markdown.

    Args:
        amount: Whole dollars.

    Returns:
        The amount with an escaped dollar sign and separators of thousands.

    Examples:
        >>> print(format_dollars(16_400))
        \$16,400
    """
    return escape_markdown(CURRENCY.format(amount))


def format_date(day: date) -> str:
    """Format a date as it is written in American English.

    Args:
        day: The date.

    Returns:
        Month, day and year.

    Examples:
        >>> format_date(date(2021, 5, 4))
        'May 4, 2021'
    """
    return f"{day:%B} {day.day}, {day.year}"


def source_name(source: str) -> str:
    """Describe where the training data comes from.

    Args:
        source: The kind of the data source, from the model card.

    Returns:
        A description; the kind itself if it is unknown.
    """
    return SOURCES.get(source, source)


def make_name(make: str) -> str:
    """Format a make: up to three letters in capitals, longer makes with capital initials.

    Args:
        make: The make in lower case.

    Returns:
        The display name.

    Examples:
        >>> [make_name(make) for make in ("bmw", "land rover", "mercedes-benz")]
        ['BMW', 'Land Rover', 'Mercedes-Benz']
    """
    return make.upper() if len(make) <= 3 else make.title()


def choice_name(choice: str) -> str:
    """Format a choice of a select box: codes of states in capitals, others with a capital first letter.

    Args:
        choice: The choice as the listing schema has it.

    Returns:
        The display name.

    Examples:
        >>> choice_name("tx"), choice_name("like new")
        ('TX', 'Like new')
    """
    return choice.upper() if len(choice) == 2 else choice[:1].upper() + choice[1:]


def model_name(model: str) -> str:
    """Format a model and its trim: abbreviations in capitals, other words with a capital first letter.

    Args:
        model: The model as it was entered or advertised.

    Returns:
        The display name.

    Examples:
        >>> [model_name(model) for model in ("f-150 xlt", "civic", "rav4 le", "911 carrera", "cr-v")]
        ['F-150 XLT', 'Civic', 'RAV4 LE', '911 Carrera', 'CR-V']
    """
    return re.sub(r"[^\s-]+", lambda part: _model_word(part[0]), model)


def _model_word(word: str) -> str:
    is_short = len(word) <= MAX_ABBREVIATION and not VOWEL.search(word)
    is_abbreviation = len(word) <= 2 or is_short or any(map(str.isdigit, word))
    return word.upper() if is_abbreviation else word[:1].upper() + word[1:]


def age_in_words(day: date, *, today: date) -> str:
    """Describe how long ago a date was, in the largest unit that is at least one.

    Args:
        day: The date.
        today: The present date.

    Returns:
        Such as "5 years", "3 months" or "12 days".

    Examples:
        >>> [age_in_words(date(2021, 5, 4), today=day) for day in (date(2026, 11, 29), date(2021, 6, 9))]
        ['5 years', '1 month']
    """
    days = (today - day).days
    counts = ((int(days / length), unit) for unit, length in (("year", 365.25), ("month", 30.44), ("day", 1)))
    count, unit = next((found for found in counts if found[0]), (0, "day"))
    return f"{count} {unit}" + ("" if count == 1 else "s")


def car_name(listing: Mapping[str, Value]) -> str:
    """Describe the car of a listing in a line.

    Args:
        listing: The car, with make, model and year.

    Returns:
        Year, make and model, and the mileage if it is known.

    Examples:
        >>> car_name({"manufacturer": "ford", "model": "f-150", "year": 2015, "odometer": 80_000})
        '2015 Ford F-150, 80,000 miles'
    """
    make = make_name(str(listing["manufacturer"]))
    name = f"{listing['year']} {make} {model_name(str(listing['model']))}"
    odometer = listing.get("odometer")
    return f"{name}, {odometer:,} {DISTANCE.unit}" if isinstance(odometer, int) else name


def complete_word(text: str | None, suggestions: tuple[str, ...]) -> str | None:
    """Complete the beginning of a word if exactly one suggestion begins with it.

    Args:
        text: What was typed.
        suggestions: Known words.

    Returns:
        The suggestion; otherwise the text unchanged.

    Examples:
        >>> complete_word("hon", ("ford", "honda", "hyundai"))
        'honda'
        >>> complete_word("h", ("ford", "honda", "hyundai"))
        'h'
    """
    typed = _letters(text)
    matches = [word for word in suggestions if _letters(word).startswith(typed)]
    return matches[0] if typed and len(matches) == 1 else text


def similar_words(text: str | None, suggestions: tuple[str, ...]) -> tuple[str, ...]:
    """Find suggestions for a text that is not a known word.

    Args:
        text: What was typed.
        suggestions: Known words.

    Returns:
        At most three suggestions: those that contain the text, then those with similar spelling. Empty if the
        text, or its first words, are known, regardless of case, spaces and punctuation.

    Examples:
        >>> similar_words("chevrolett", ("chevrolet", "chrysler", "ford"))
        ('chevrolet',)
        >>> similar_words("F 150 XLT", ("f-150", "f-250"))
        ()
    """
    typed = _letters(text)
    known = {_letters(word): word for word in reversed(suggestions)}
    if not typed or known.keys() & _beginnings(text or ""):
        return ()
    containing = [word for word in suggestions if typed in _letters(word)][:MAX_SIMILAR]
    close = [known[letters] for letters in get_close_matches(typed, known, n=MAX_SIMILAR)]
    return tuple(dict.fromkeys([*containing, *close]))[:MAX_SIMILAR]


def _beginnings(text: str) -> set[str]:
    """Return the letters and digits of the first word, of the first two words, and so on."""
    words = text.replace("-", " ").split()
    return {_letters("".join(words[:count])) for count in range(1, len(words) + 1)}


def _letters(text: str | None) -> str:
    """Reduce a text to lower-case letters and digits, so that f-150, F150 and f 150 are equal."""
    return "".join(filter(str.isalnum, (text or "").lower()))
