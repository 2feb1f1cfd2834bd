"""Correct the price ranges of a version by reported sales, as the watcher stored the correction."""

import logging
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

from carvalue.journal import DriverMissing, Journal, JournalUnavailable
from carvalue.pricing import PriceModel
from carvalue.pricing.intervals import NO_CORRECTION, RangeCorrection
from carvalue.serving.model.live_model import LoadedModel

logger = logging.getLogger(__name__)


def stored_correction(journal: Journal, version: str) -> RangeCorrection | None:
    """Read how reported sales correct the price ranges of a version.

    Args:
        journal: Where the watcher stores corrections.
        version: The version.

    Returns:
        The correction, none if the stored one exceeds its bounds; None while the journal cannot be read, so
        that the last one stays.
    """
    try:
        stored = journal.range_correction(version)
        return RangeCorrection(**stored._asdict()) if stored else NO_CORRECTION
    except JournalUnavailable:  # the forwarder reports it
        return None
    except ValueError as error:
        extra = {"version": version, "because": str(error)}
        logger.warning("range correction ignored", extra=extra)
        return NO_CORRECTION


def corrected_model(loaded: LoadedModel, *, journal_url: str, warn: Callable[[str], None]) -> PriceModel:
    """Correct the price ranges of a loaded version as the price service does.

    Args:
        loaded: The version and its model.
        journal_url: Where the journal is.
        warn: Takes a warning for the user if the journal is unavailable.

    Returns:
        The model with the stored correction; with calibrated ranges while the journal is unavailable.
    """
    try:
        with closing(Journal(journal_url)) as journal:
            correction = stored_correction(journal, str(loaded.version.version))
    except DriverMissing:
        correction = None
    if correction is None:
        warn("The journal is unavailable: reported sales do not correct the price ranges.")
        return loaded.model
    return replace(loaded.model, correction=correction)
