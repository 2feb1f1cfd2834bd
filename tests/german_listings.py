"""A file of listings with German columns, kilometres and euros."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np

CARS = {("VW", "Golf VII"): 28_000, ("Opel", "Astra K"): 22_000, ("Mercedes-Benz", "C 220 d"): 46_000}
ROWS = 3_000


def euros(new: int, age: float, km: float) -> float:
    """Return what a car is offered for, on average."""
    return new * 0.9**age * float(np.exp(-km / 400_000))


def write_german_listings(path: Path) -> Path:
    """Write 3,000 offers of three cars, posted over 75 days."""
    random = np.random.default_rng(1)
    lines = ["marke;modell;baujahr;kilometerstand;kraftstoff;getriebe;preis_eur;inseriert;notiz"]
    for number in range(ROWS):
        (make, model), new = list(CARS.items())[random.integers(len(CARS))]
        year, posted = int(random.integers(2010, 2024)), date(2024, 1, 1) + timedelta(days=number // 40)
        km = int(random.integers(5_000, 20_000) * (2024.5 - year))
        price = euros(new, 2024 - year, km) * random.lognormal(0, 0.05)
        fuel = random.choice(["Benzin", "DIESEL", "Wasserstoff"], p=[0.6, 0.39, 0.01])
        lines.append(f"{make};{model};{year};{km};{fuel};Automatik;{price:.0f};{posted:%d.%m.%Y};x")
    path.write_text("\n".join(lines), encoding="utf-8")
    return path
