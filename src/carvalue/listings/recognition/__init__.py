"""Recognize a car: from its vehicle identification number, or from the text of an advertisement."""

from carvalue.listings.recognition.advertisement import Advertisement, read_advertisement
from carvalue.listings.recognition.vin import (
    CHECK_POSITION,
    VALUES,
    WEIGHTS,
    InvalidVin,
    VinDecoderMissing,
    VinReading,
    corrected_vins,
    decode_descriptors,
    is_valid_vin,
    read_vin,
)

__all__ = [
    "CHECK_POSITION",
    "VALUES",
    "WEIGHTS",
    "Advertisement",
    "InvalidVin",
    "VinDecoderMissing",
    "VinReading",
    "corrected_vins",
    "decode_descriptors",
    "is_valid_vin",
    "read_advertisement",
    "read_vin",
]
