"""Category to code, fitted once on the training rows, shipped with the model."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import nan

from carvalue.listings import Value

OTHER = "(other)"
CACHED_WORDS = 16_384  # all words of the closed fields, all places, and what numbers are warned about


@lru_cache(maxsize=CACHED_WORDS, typed=True)  # typed: to a cache, True would be 1
def normalize_word(value: Value) -> str:
    """Write a value the way the vocabulary knows it; an empty word means missing."""
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a year is the same year whether a file or a request wrote it as 2012 or 2012.0
    return " ".join(str(value).lower().split())


@dataclass(frozen=True)
class Vocabulary:
    """The words of one category from the cheapest to the dearest; a word's code is its place.

    The order lets a tree split words as it splits numbers. XGBoost scores a category that it never saw as if
    it were category 0, without a warning; so the codes are ours: every rare and every unknown word has the
    code of `(other)`, which training rows carry too, and missing is NaN.
    """

    words: tuple[str, ...]
    codes: Mapping[str, float]
    other: float

    @classmethod
    def of(cls, words: Iterable[str]) -> "Vocabulary":
        """Make the vocabulary whose codes follow the order of the words, `(other)` among them."""
        codes = {word: float(code) for code, word in enumerate(words)}
        return cls(words=tuple(codes), codes=codes, other=codes[OTHER])

    def code(self, word: str) -> float:
        """Look one word up: its code, that of `(other)`, or NaN where it is missing."""
        return self.codes.get(word, self.other) if word else nan


def order_by_level(levels: Iterable[tuple[str, float, int]], *, at_least: int) -> Vocabulary:
    """Order words by price level, given as (word, level, rows); words on too few rows become `(other)`."""
    known, rare_sum, rare_rows = [], 0.0, 0
    for word, level, rows in levels:
        if word and rows >= at_least:
            known.append((level, word))
        elif word:
            rare_sum, rare_rows = rare_sum + level * rows, rare_rows + rows
    known.append((rare_sum / rare_rows if rare_rows else 0.0, OTHER))
    return Vocabulary.of(word for _, word in sorted(known))
