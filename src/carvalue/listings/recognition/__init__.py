"""Recognize a car: from its vehicle identification number, or from the text of an advertisement."""

from carvalue.listings.recognition.advertisement import Advertisement, read_advertisement
from carvalue.listings.recognition.vin import InvalidVin, VinReading, corrected_vins, is_valid_vin, read_vin

__all__ = [
    "Advertisement",
    "InvalidVin",
    "VinReading",
    "corrected_vins",
    "is_valid_vin",
    "read_advertisement",
    "read_vin",
]
