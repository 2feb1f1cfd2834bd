"""Read and write a trained model as a folder without pickles."""

from carvalue.pricing.bundle.accuracy import Accuracy, EarlierVersion, GroupAccuracy
from carvalue.pricing.bundle.encoder_json import encoder_from_json, encoder_to_json
from carvalue.pricing.bundle.golden import GOLDEN_LISTINGS, Golden, golden_from_json, golden_to_json
from carvalue.pricing.bundle.model_card import ModelCard, Provenance

__all__ = [
    "GOLDEN_LISTINGS",
    "Accuracy",
    "EarlierVersion",
    "Golden",
    "GroupAccuracy",
    "ModelCard",
    "Provenance",
    "encoder_from_json",
    "encoder_to_json",
    "golden_from_json",
    "golden_to_json",
]
