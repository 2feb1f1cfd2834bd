"""Choose the display name of a model family: f-150, as most sellers spell it, instead of f150."""

from collections.abc import Mapping

from carvalue.pricing.features import read_name

MAX_WORDS = 3  # grand cherokee, f 150, c r v


def family_spelling(text: str, family: str) -> str:
    """Find the words of a seller's model text that spell a family.

    Args:
        text: Normalized model text of a listing.
        family: Model family as `read_name` returns it.

    Returns:
        The first matching words, without punctuation around them; empty if no words match, for example
        because of a typing error.

    Examples:
        >>> family_spelling("lifted f 150, 4x4", "f150")
        'f 150'
        >>> family_spelling("sivlerado lt", "silverado")
        ''
    """
    words, wanted = text.split(), alphanumeric(family)
    for start in range(len(words)):
        for end in range(start + 1, min(start + MAX_WORDS, len(words)) + 1):
            spelling = " ".join(words[start:end])
            if alphanumeric(spelling) == wanted:
                return spelling.strip(".,;:!*-/()")
    return ""


def display_name(make: str, family: str, counts: Mapping[str, int]) -> str:
    """Choose the most frequent spelling that `read_name` reads as this family again.

    Args:
        make: Make as `read_name` returns it.
        family: Model family as `read_name` returns it.
        counts: Rows by spelling; the empty spelling is ignored.

    Returns:
        The chosen spelling; the family itself if no spelling qualifies.

    Examples:
        >>> display_name("ford", "f150", {"f150": 40, "f-150": 60, "": 90})
        'f-150'
        >>> display_name("ford", "f150", {"f/1/5/0": 99})
        'f150'
    """
    for spelling in sorted(counts, key=lambda spelling: (-counts[spelling], spelling)):
        if spelling and read_name(make, spelling).family == family:
            return spelling
    return family


def alphanumeric(text: str) -> str:
    """Reduce a text to its lower-case letters and digits, to compare spellings.

    Args:
        text: Any text.

    Returns:
        The text without spaces and punctuation.

    Examples:
        >>> alphanumeric("F-150"), alphanumeric("f 150")
        ('f150', 'f150')
    """
    return "".join(filter(str.isalnum, text.lower()))
