"""Vehicle identification numbers (ISO 3779): check digit, correction of typing errors, and decoding.

The package `ultravin` decodes them offline with the data of the US authority NHTSA (vPIC). It is optional:
without it, only the check digit is examined.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from carvalue.errors import AppError
from carvalue.listings.schema import EARLIEST_YEAR, LATEST_YEAR, Listing, Value

LENGTH = 17
CHECK_POSITION = 8
SERIAL = "000001"  # any one: the decoder ignores it
MAX_CORRECTIONS = 3
WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
VALUES: Mapping[str, int] = dict(
    zip(
        "0123456789ABCDEFGHJKLMNPRSTUVWXYZ",
        (*range(10), *range(1, 9), *range(1, 6), 7, 9, *range(2, 10)),
        strict=True,
    )
)
CONFUSED: Mapping[str, str] = {
    pair[place]: pair[1 - place]
    for pair in ("0D", "1L", "5S", "8B", "2Z", "6G", "UV", "MN", "4A", "1T", "7T", "3E", "1J", "VY", "KX")
    for place in (0, 1)
}
"""Characters that people take for each other."""
NOT_USED = str.maketrans("IOQ", "100")
"""Letters that no VIN has, and what was meant."""
FUELS: Mapping[str, str] = {
    "Gasoline": "gas",
    "Diesel": "diesel",
    "Electric": "electric",
    "Flexible Fuel Vehicle (FFV)": "gas",
    "Ethanol (E85)": "gas",
}
BODIES: Mapping[str, str] = {
    "Sedan": "sedan",
    "Sport Utility": "SUV",
    "Crossover": "SUV",
    "Pickup": "pickup",
    "Coupe": "coupe",
    "Hatchback": "hatchback",
    "Wagon": "wagon",
    "Minivan": "mini-van",
    "Van": "van",
    "Convertible": "convertible",
    "Bus": "bus",
    "Truck": "truck",
}
"""Beginning or part of vPIC's body class -> body type; the first that fits."""
DRIVES: Mapping[str, str] = {
    "4WD": "4wd",
    "AWD": "4wd",
    "FWD": "fwd",
    "Front": "fwd",
    "RWD": "rwd",
    "Rear": "rwd",
}


class InvalidVin(AppError):
    """The text is no vehicle identification number.

    Attributes:
        corrections: Numbers with a correct check digit that were perhaps meant.
    """

    status = 422

    def __init__(self, message: str, *, corrections: tuple[str, ...] = ()) -> None:
        """Create the error.

        Args:
            message: What is wrong, in a sentence.
            corrections: Numbers that were perhaps meant.
        """
        meant = f" Did you mean {' or '.join(corrections)}?" if corrections else ""
        super().__init__(message + meant)
        self.corrections = corrections

    hint = "It stands on the title, on the driver's door frame and behind the windshield."


class VinDecoderMissing(AppError):
    """The package that decodes numbers is not installed."""

    status, hint = 501, "Install it with `uv sync --extra vin`, or enter make, model and year."


@dataclass(frozen=True, kw_only=True)
class VinReading:
    """A decoded vehicle identification number.

    Attributes:
        vin: The number, 17 capital letters and digits.
        listing: The fields of a listing that the number tells.
    """

    vin: str
    listing: Listing


def is_valid_vin(vin: str) -> bool:
    """Check the length, the characters and the check digit of a number.

    Args:
        vin: The number, in capitals.

    Returns:
        True if it is a valid number of a car for North America.

    Examples:
        >>> is_valid_vin("1HGCM82633A004352"), is_valid_vin("1HGCM82633A004353")
        (True, False)
    """
    if len(vin) != LENGTH or not all(character in VALUES for character in vin):
        return False
    return _check_digit(vin) == vin[CHECK_POSITION]


def corrected_vins(vin: str) -> tuple[str, ...]:
    """Find valid numbers that differ from a number by one typing error.

    Args:
        vin: 17 characters with a wrong check digit, in capitals.

    Returns:
        At most three: first exchanged neighbours and characters that look alike.

    Examples:
        >>> corrected_vins("1HGCM82633AOO4352")[0]
        '1HGCM82633A004352'
        >>> "1HGCM82633A004352" in corrected_vins("1HGCM82633A004532")
        True
    """
    plain = vin.translate(NOT_USED)
    if is_valid_vin(plain):
        return (plain,)
    vins = dict.fromkeys(candidate for candidate in _candidates(plain) if is_valid_vin(candidate))
    return tuple(vins)[:MAX_CORRECTIONS]


def read_vin(text: str) -> VinReading:
    """Decode a vehicle identification number.

    Args:
        text: The number as it was typed; spaces, hyphens and case are ignored.

    Returns:
        The number and the fields of a listing that it tells; make, model and model year at least.

    Raises:
        InvalidVin: It has a wrong length or check digit, or its maker is not known.
        VinDecoderMissing: The package that decodes numbers is not installed.
    """
    vin = re.sub(r"[\s-]", "", text).upper()
    if len(vin) != LENGTH:
        raise InvalidVin(f"A VIN has {LENGTH} letters and digits; this one has {len(vin)}.")
    if not is_valid_vin(vin):
        raise InvalidVin(
            "The check digit of this VIN does not fit, so a letter or digit is probably wrong.",
            corrections=corrected_vins(vin),
        )
    listing = _listing(_text(_decoder().decode(vin)["attributes"]))
    if not {"manufacturer", "model", "year"} <= listing.keys():
        raise InvalidVin("This VIN is not in the register of cars from 1985 on for the United States.")
    return VinReading(vin=vin, listing=listing)


def decode_descriptors(descriptors: Sequence[str]) -> dict[str, Listing]:
    """Decode the parts of VINs that describe cars.

    Args:
        descriptors: Positions 1 to 8, 10 and 11 of VINs, in capitals.

    Returns:
        The fields that each descriptor tells; `trim` has the words of the trim that the model lacks, if the
        descriptor belongs to a single trim. Descriptors that are not in the register are left out.

    Raises:
        VinDecoderMissing: The package that decodes numbers is not installed.

    Examples:
        >>> details = decode_descriptors(["1HGCR2F3FA", "0000000000"])["1HGCR2F3FA"]
        >>> details["manufacturer"], details["model"], details["year"], details["cylinders"]
        ('honda', 'accord', 2015, '4 cylinders')
    """
    vins = [f"{descriptor[:8]}0{descriptor[8:]}{SERIAL}" for descriptor in descriptors]
    decoded = (_text(found["attributes"]) for found in _decoder().decode_batch(vins))
    return {
        descriptor: {**_listing(text), "model": text["Model"].lower(), "trim": _only_trim(text)}
        for descriptor, text in zip(descriptors, decoded, strict=True)
        if {"Make", "Model", "Model Year"} <= text.keys()
    }


def _check_digit(vin: str) -> str:
    remainder = sum(VALUES[character] * weight for character, weight in zip(vin, WEIGHTS, strict=True)) % 11
    return "X" if remainder == 10 else str(remainder)


def _candidates(vin: str) -> Iterator[str]:
    yield vin
    for place in range(LENGTH - 1):
        yield vin[:place] + vin[place + 1] + vin[place] + vin[place + 2 :]
    for place, character in enumerate(vin):
        if other := CONFUSED.get(character):
            yield vin[:place] + other + vin[place + 1 :]


def _decoder() -> ModuleType:
    try:
        import ultravin  # noqa: PLC0415  # 95 MB, of an optional extra
    except ModuleNotFoundError:
        raise VinDecoderMissing("This installation cannot decode a VIN.") from None
    return ultravin


def _text(attributes: Mapping[str, Any]) -> Mapping[str, str]:
    return {name: str(value) for name, value in attributes.items() if isinstance(value, str | int) and value}


def _listing(text: Mapping[str, str]) -> Listing:
    hybrid = "Hybrid" in text.get("Electrification Level", "")
    values: dict[str, Value] = {
        "manufacturer": text.get("Make", "").lower() or None,
        "model": _model(text),
        "year": _year(text.get("Model Year", "")),
        "fuel": "hybrid" if hybrid else FUELS.get(text.get("Fuel Type - Primary", "")),
        "cylinders": _cylinders(text.get("Engine Number of Cylinders", "")),
        "transmission": _first(text.get("Transmission Style", ""), {"Auto": "automatic", "Manual": "manual"}),
        "drive": _first(text.get("Drive Type", ""), DRIVES),
        "type": _first(text.get("Body Class", ""), BODIES),
    }
    return {name: value for name, value in values.items() if value is not None}


def _model(text: Mapping[str, str]) -> str | None:
    model, trims = text.get("Model", "").lower(), text.get("Trim", "").lower()
    return " ".join([model, *_trim_words(trims.partition("/")[0], model=model)]) or None


def _only_trim(text: Mapping[str, str]) -> str | None:
    """Return the trim, unless there are several: "EX, EX-L", "SI/SI HPT"."""
    trim = text.get("Trim", "").lower()
    is_one = not set(",/") & set(trim)
    return " ".join(_trim_words(trim, model=text["Model"].lower())) or None if is_one else None


def _trim_words(trim: str, *, model: str) -> list[str]:
    return [word for word in trim.split() if word not in model.split()]


def _year(text: str) -> int | None:
    return int(text) if text.isdigit() and EARLIEST_YEAR <= int(text) <= LATEST_YEAR else None


def _cylinders(text: str) -> str | None:
    return f"{text} cylinders" if text in {"3", "4", "5", "6", "8", "10", "12"} else None


def _first(text: str, values: Mapping[str, str]) -> str | None:
    return next((value for part, value in values.items() if part in text), None)
