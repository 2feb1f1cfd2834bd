"""How most sellers spell a model that our reading of names has brought into one word: f-150, not f150."""

from collections.abc import Mapping

from carvalue.pricing.features import read_name

MAX_WORDS = 3  # grand cherokee, f 150, c r v


def family_spelling(text: str, family: str) -> str:
    """Find the words of a seller's text that spell a family; empty where none do, as in a slip of the pen."""
    words, wanted = text.split(), alphanumeric(family)
    for start in range(len(words)):
        for end in range(start + 1, min(start + MAX_WORDS, len(words)) + 1):
            found = " ".join(words[start:end])
            if alphanumeric(found) == wanted:
                return found.strip(".,;:!*-/()")
    return ""


def display_name(make: str, family: str, counts: Mapping[str, int]) -> str:
    """Choose the most frequent spelling that is read as this family again; else our own word."""
    for found in sorted(counts, key=lambda found: (-counts[found], found)):
        if found and read_name(make, found).family == family:
            return found
    return family


def alphanumeric(text: str) -> str:
    """What remains when f-150, F150 and f 150 are the same word."""
    return "".join(filter(str.isalnum, text.lower()))
