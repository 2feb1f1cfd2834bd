"""Parse the seller's text into make, model family, full name and engine size."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from math import nan

from carvalue.listings import MARKET
from carvalue.pricing.features.model_name_tables import (
    AMBIGUOUS_MAKES,
    BEFORE_FAMILY,
    FAMILY_OPENERS,
    MAKE_BY_SPELLING,
    MAKE_OF_FAMILY,
    MAKE_PAIRS,
    NOISE,
    PICKUP_OF_MAKE,
    REWRITES,
    TOKEN_BY_SPELLING,
)

MAX_TEXT = 120  # characters that are read; text after them is advertising
CACHED_TEXTS = 65_536  # more than the names of 300,000 listings; an entry takes 0.3 KB
MAX_TOKENS = 10
MIN_LITRES, MAX_LITRES = 0.6, 8.4  # other decimals in a name are not engine sizes

_SEPARATORS = re.compile(r"[^a-z0-9.]+")
_LONE_DOT = re.compile(r"(?<!\d)\.|\.(?!\d)")
_SHORT_HYPHEN = re.compile(
    r"\b(\w{1,2})-(\w+)\b|\b(\w+)-(\w)\b"
)  # f-150, cr-v and e-class are one token each
_LITRES = re.compile(r"^(\d\.\d)([a-z]{0,3})$")
_CHASSIS_NUMBER = re.compile(r"\b(?=\w*\d)[a-hj-npr-z0-9]{17}\b")
_REWRITES = (*((re.compile(item.pattern), item.text) for item in MARKET.rewrites), *REWRITES)
_LOAD_CLASS = frozenset({"1500", "2500", "3500"})  # silverado 1500 and 2500 are different trucks


@dataclass(frozen=True, slots=True)
class CarName:
    """The normalized name of a car; an empty part is unknown."""

    make: str
    """Make, as in `MAKES`, or the seller's own text where it is none of them."""
    family: str
    """Model family, one or two tokens: `f150`, `grand cherokee`."""
    text: str
    """All tokens of the model text, the family first."""
    litres: float
    """Engine size in litres, NaN where the text has none."""


@lru_cache(maxsize=CACHED_TEXTS)
def read_name(manufacturer: str, model: str) -> CarName:
    """Parse the name of a car; different spellings of one car have the same result.

    Args:
        manufacturer: The seller's text for the make; empty where it is missing.
        model: The seller's text for the model, of which the first `MAX_TEXT` characters are read.

    Returns:
        The parsed name. The make is inferred from `model` where `manufacturer` is empty.

    Examples:
        >>> name = read_name("ford", "f-150 xlt supercrew 4wd")
        >>> name.make, name.family, name.text
        ('ford', 'f150', 'f150 xlt crewcab 4x4')
        >>> read_name("ford", "F150 XLT Super Crew 4x4").text
        'f150 xlt crewcab 4x4'
        >>> read_name("", "chevy silverado 1500 5.3l").make
        'chevrolet'
    """
    tokens = _tokens(model)
    stated = _stated_make(manufacturer)
    inferred, tokens = _split_make(tokens, stated=stated)
    litres, tokens = _split_litres(tokens)
    kept = tuple(dict.fromkeys(token for token in tokens if token not in NOISE))[:MAX_TOKENS]
    by_family = next((MAKE_OF_FAMILY[token] for token in kept if token in MAKE_OF_FAMILY), "")
    make = stated or inferred or by_family
    family, others = _split_family(kept, make=make)
    return CarName(make=make, family=" ".join(family), text=" ".join((*family, *others)), litres=litres)


def _stated_make(manufacturer: str) -> str:
    spelling = "-".join(_plain(manufacturer).split())[:MAX_TEXT]
    return MAKE_BY_SPELLING.get(spelling, spelling)


def _tokens(model: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", model[:MAX_TEXT]).encode("ascii", "ignore").decode().lower()
    plain = _CHASSIS_NUMBER.sub(" ", plain)
    plain = _SHORT_HYPHEN.sub(lambda hit: "".join(part or "" for part in hit.groups()), plain)
    plain = " ".join(_SEPARATORS.sub(" ", _LONE_DOT.sub(" ", plain)).split())
    for pattern, replacement in _REWRITES:
        plain = pattern.sub(replacement, plain)
    return [TOKEN_BY_SPELLING.get(token, token) for token in plain.split()]


def _plain(text: str) -> str:
    """Lower the case and take the accents off; a text of another script stays.

    Examples:
        >>> _plain("Citroën"), _plain("長城")
        ('citroen', '長城')
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return plain if plain.strip() else text.lower()


def _split_make(tokens: list[str], *, stated: str) -> tuple[str, list[str]]:
    """Separate the make's own name from the other tokens; `mini` in the text of a Toyota stays a token."""
    first, kept, position = "", [], 0
    while position < len(tokens):
        pair = MAKE_PAIRS.get(" ".join(tokens[position : position + 2]))
        make = pair or MAKE_BY_SPELLING.get(tokens[position], "")
        if make and _is_make(make, stated=stated):
            first = first or make
            if pair and tokens[position] == "range":
                kept.append("range")
            position += 2 if pair else 1
            continue
        kept.append(tokens[position])
        position += 1
    return first, kept


def _is_make(make: str, *, stated: str) -> bool:
    return make == stated or (not stated) or make not in AMBIGUOUS_MAKES


def _split_litres(tokens: list[str]) -> tuple[float, list[str]]:
    litres, kept = nan, []
    for token in tokens:
        hit = _LITRES.match(token)
        if hit is None:
            kept.append(token)
            continue
        size = float(hit[1])
        if MIN_LITRES <= size <= MAX_LITRES and litres != litres:
            litres = size
        kept.append(hit[1] + ("t" if hit[2].startswith("t") else ""))
    return litres, kept


def _split_family(tokens: tuple[str, ...], *, make: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Separate the tokens of the family from the others, at any position."""
    first = next((index for index, token in enumerate(tokens) if token not in BEFORE_FAMILY), 0)
    before, rest = tokens[:first], tokens[first:]
    if rest and rest[0] in _LOAD_CLASS and make in PICKUP_OF_MAKE:
        rest = (PICKUP_OF_MAKE[make], *(token for token in rest if token != PICKUP_OF_MAKE[make]))
    pair = len(rest) > 1 and (rest[0] in FAMILY_OPENERS or rest[1] in _LOAD_CLASS)
    size = 2 if pair else 1
    return rest[:size], (*before, *rest[size:])
