"""How sellers write a model: 'f-150', 'f150 xlt 4x4', 'F-150 SuperCrew XLT Pickup 4D'."""

from carvalue.listings.synthetic.cars import Cars, Rng
from carvalue.listings.synthetic.catalogue import UNLISTED_MAKES, CatalogueModel

UNNAMED_SHARE = 0.028  # the field manufacturer is empty, and the model's text has the make
TITLE_CASE_SHARE = 0.02
TYPO_SHARE = 0.008
NONSENSE_SHARE = 0.004

_BODIES = {
    "sedan": "sedan 4d",
    "SUV": "sport utility 4d",
    "pickup": "pickup 4d",
    "truck": "pickup 4d",
    "coupe": "coupe 2d",
    "hatchback": "hatchback 4d",
    "wagon": "wagon 4d",
    "convertible": "convertible 2d",
    "van": "cargo van",
    "mini-van": "minivan 4d",
}
_CABS = ("regular cab", "crew cab", "extended cab", "double cab")
_FORD_CABS = ("regular cab", "supercrew cab", "supercab", "supercrew")
_EXTRAS = (
    "w/ navigation",
    "only one owner",
    "low miles",
    "leather",
    "with sunroof",
    "lifted",
    "1/2 ton",
    "clean title",
    "limited edition",
    "w/ backup camera",
    "special edition",
    "gas",
    "**we finance**",
    "auto",
    "great on gas",
    "third row",
    "v6",
    "v8",
    "one owner",
    "sport package",
    "premium package",
    "bluetooth",
    "heated seats",
    "loaded",
    "low mileage",
    "no accidents",
)
_NONSENSE = (
    "all makes and models",
    "any and all",
    "$499 down, everybody drives",
    "we buy cars",
    "other",
    "-",
    "2017",
    "call for details",
    "bad credit no credit ok",
    "financing for all",
)


def write_names(rng: Rng, cars: Cars) -> tuple[list[str | None], list[str]]:
    """Write the fields manufacturer and model of each car, with the variants that sellers use.

    Args:
        rng: The random generator.
        cars: The cars.

    Returns:
        The manufacturer of each car, None where the field is empty, and the model's text.
    """
    draws = rng.random((len(cars.models), 10)).tolist()
    names = (model.trims[trim] for model, trim in zip(cars.models, cars.trim, strict=True))
    makers, texts = [], []
    for model, trim, drive, draw in zip(cars.models, names, cars.drive, draws, strict=True):
        unnamed = model.make in UNLISTED_MAKES or draw[0] < UNNAMED_SHARE
        makers.append(None if unnamed else model.make)
        text = _text(model, trim, drive, draw)
        texts.append(_case(f"{model.make} {text}" if unnamed else text, draw[9], unnamed=unnamed))
    return makers, texts


def _text(model: CatalogueModel, trim: str, drive: str, draw: list[float]) -> str:
    if draw[1] < NONSENSE_SHARE:
        return _pick(_NONSENSE, draw[2])
    text = " ".join(_parts(model, trim, drive, draw))
    if draw[7] < TYPO_SHARE:
        position = int(draw[8] * len(text))
        return text[:position] + text[position + 1 :]
    return text


def _parts(model: CatalogueModel, trim: str, drive: str, draw: list[float]) -> list[str]:
    """Choose the parts of the model's text; most texts are only the model's name."""
    parts = [_base(model.model, draw[2])]
    how_much = draw[3]
    if how_much < 0.44:
        return parts
    if model.type in {"pickup", "truck"} and draw[4] < 0.4:
        parts.append(_pick(_FORD_CABS if model.make == "ford" else _CABS, draw[5]))
    if trim != "base":
        parts.append(trim)
    if 0.72 <= how_much < 0.84:
        parts.append(_BODIES.get(model.type, model.type))
    elif 0.84 <= how_much < 0.92 and drive == "4wd":
        parts.append("4x4" if model.type in {"pickup", "truck", "SUV"} and draw[6] < 0.7 else "awd")
    elif how_much >= 0.92:
        parts.append(_pick(_EXTRAS, draw[6]))
        if draw[5] < 0.4:
            parts.append(_pick(_EXTRAS, draw[8]))
    return parts


def _base(name: str, u: float) -> str:
    if "-" in name and u < 0.28:
        return name.replace("-", "" if u < 0.22 else " ")
    if name.endswith("00") and " " in name and u < 0.15:
        return name.rpartition(" ")[0]  # 'silverado' for 'silverado 1500'
    return name


def _case(text: str, u: float, *, unnamed: bool) -> str:
    share = 0.45 if unnamed else TITLE_CASE_SHARE
    if u >= share:
        return text
    return text.upper() if u < share / 5 else text.title()


def _pick(options: tuple[str, ...], u: float) -> str:
    return options[int(u * len(options))]
