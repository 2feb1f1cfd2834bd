"""What the price range of a quote promises, which depends on whether the model knows such cars."""

from carvalue.api import AnyExplainedQuote
from carvalue.listings import MARKET

NARROW, WIDE = 0.5, 1.0  # width of the price range as a share of the price


def is_supported(explained: AnyExplainedQuote) -> bool:
    """Check whether the training data has cars of this make and model.

    Args:
        explained: The quote with similar cars.

    Returns:
        False if the quote is a guess.
    """
    unknown = any("is not in the training data" in warning for warning in explained.quote.warnings)
    return not unknown and (explained.reasons is None or bool(explained.comparables))


def support_in_words(explained: AnyExplainedQuote) -> str:
    """Say what the price range promises.

    Args:
        explained: The quote with similar cars.

    Returns:
        A part of a sentence.
    """
    if not is_supported(explained):
        return (
            f"a rough guess: we know no {MARKET.vehicle} of this make and model, so the true price may lie "
            "far outside"
        )
    quote = explained.quote
    width = (quote.high - quote.low) / quote.price
    certainty = "narrow" if width < NARROW else "wide" if width < WIDE else "very wide"
    return f"{certainty} price range: nine in ten such {MARKET.vehicles} are offered within it"
