"""The production model that the service has loaded."""

from carvalue.serving.model.bundle_cache import BundleCache, bundles_folder
from carvalue.serving.model.corrections import corrected_model, stored_correction
from carvalue.serving.model.live_model import (
    IN_USE_WITHIN_S,
    LiveModel,
    LoadedModel,
    follow_forever,
    model_age,
)
from carvalue.serving.model.load_production import load_production_model

__all__ = [
    "IN_USE_WITHIN_S",
    "BundleCache",
    "LiveModel",
    "LoadedModel",
    "bundles_folder",
    "corrected_model",
    "follow_forever",
    "load_production_model",
    "model_age",
    "stored_correction",
]
