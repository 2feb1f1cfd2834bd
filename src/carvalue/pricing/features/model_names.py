"""What a seller's text says of the car: make, model family, full name, engine size; one reading for all."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from math import nan

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

MAX_TEXT = 120  # characters read; what follows is advertisement
MAX_TOKENS = 10
SMALLEST_ENGINE, LARGEST_ENGINE = 0.6, 8.4  # litres; other decimals in a name are not engines

_BETWEEN = re.compile(r"[^a-z0-9.]+")
_LONE_DOT = re.compile(r"(?<!\d)\.|\.(?!\d)")
_SHORT_HYPHEN = re.compile(r"\b(\w{1,2})-(\w+)\b|\b(\w+)-(\w)\b")  # f-150, cr-v: one word; e-class too
_LITRES = re.compile(r"^(\d\.\d)([a-z]{0,3})$")
_CHASSIS_NUMBER = re.compile(r"\b(?=\w*\d)[a-hj-npr-z0-9]{17}\b")
_LOAD_CLASS = frozenset({"1500", "2500", "3500"})  # silverado 1500 and 2500 are different trucks


@dataclass(frozen=True, slots=True)
class CarName:
    """One car's name as the trade would write it; an empty word means not known."""

    make: str
    family: str
    text: str
    litres: float
    """Engine size where the text gives it, else NaN."""


@lru_cache(maxsize=65_536)
def read_name(manufacturer: str, model: str) -> CarName:
    """Read the seller's two texts; infer the make from the model text where the first is empty."""
    words = _words(model)
    given = _given_make(manufacturer)
    found, words = _take_make(words, given=given)
    litres, tokens = _take_litres(words)
    kept = tuple(dict.fromkeys(token for token in tokens if token not in NOISE))[:MAX_TOKENS]
    make = given or found or next((MAKE_OF_FAMILY[token] for token in kept if token in MAKE_OF_FAMILY), "")
    family, others = _take_family(kept, make=make)
    return CarName(make=make, family=" ".join(family), text=" ".join((*family, *others)), litres=litres)


def _given_make(manufacturer: str) -> str:
    word = "-".join(manufacturer.lower().split())[:MAX_TEXT]
    return MAKE_BY_SPELLING.get(word, word)


def _words(model: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", model[:MAX_TEXT]).encode("ascii", "ignore").decode().lower()
    plain = _CHASSIS_NUMBER.sub(" ", plain)
    plain = _SHORT_HYPHEN.sub(lambda hit: "".join(part or "" for part in hit.groups()), plain)
    plain = " ".join(_BETWEEN.sub(" ", _LONE_DOT.sub(" ", plain)).split())
    for pattern, text in REWRITES:
        plain = pattern.sub(text, plain)
    return [TOKEN_BY_SPELLING.get(word, word) for word in plain.split()]


def _take_make(words: list[str], *, given: str) -> tuple[str, list[str]]:
    """Take the make's own name out of the words; `mini` in a Toyota's text stays a word."""
    found, kept, position = "", [], 0
    while position < len(words):
        pair = MAKE_PAIRS.get(" ".join(words[position : position + 2]))
        make = pair or MAKE_BY_SPELLING.get(words[position], "")
        if make and _names_the_make(make, given=given):
            found = found or make
            if pair and words[position] == "range":
                kept.append("range")
            position += 2 if pair else 1
            continue
        kept.append(words[position])
        position += 1
    return found, kept


def _names_the_make(make: str, *, given: str) -> bool:
    return make == given or (not given) or make not in AMBIGUOUS_MAKES


def _take_litres(words: list[str]) -> tuple[float, list[str]]:
    litres, kept = nan, []
    for word in words:
        hit = _LITRES.match(word)
        if hit is None:
            kept.append(word)
            continue
        size = float(hit[1])
        if SMALLEST_ENGINE <= size <= LARGEST_ENGINE and litres != litres:
            litres = size
        kept.append(hit[1] + ("t" if hit[2].startswith("t") else ""))
    return litres, kept


def _take_family(tokens: tuple[str, ...], *, make: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Part the family from the other words, wherever it stands among them."""
    first = next((place for place, token in enumerate(tokens) if token not in BEFORE_FAMILY), 0)
    before, rest = tokens[:first], tokens[first:]
    if rest and rest[0] in _LOAD_CLASS and make in PICKUP_OF_MAKE:
        rest = (PICKUP_OF_MAKE[make], *(token for token in rest if token != PICKUP_OF_MAKE[make]))
    pair = len(rest) > 1 and (rest[0] in FAMILY_OPENERS or rest[1] in _LOAD_CLASS)
    size = 2 if pair else 1
    return rest[:size], (*before, *rest[size:])
