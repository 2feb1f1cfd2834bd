"""Simulated visitors: requests as people, programs and files send them, made from real listings.

A visit is a run of requests of one client. Every mixture has its own shares of visits; all have nights,
weekends and hours in which a newspaper sends people. Nothing drifts: every alarm on these requests is
false.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
import polars as pl

from carvalue.listings import FIELDS

FIRST = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
NAMES = tuple(field.name for field in FIELDS)
REQUIRED = ("manufacturer", "model", "year")
OPTIONAL = tuple(name for name in NAMES if name not in REQUIRED)
# how likely a person is to fill in a field, beside how much the person fills in at all
EAGERNESS = {"odometer": 3.0, "condition": 2.0, "state": 1.5, "fuel": 1.2, "region": 0.7, "paint_color": 0.7}
MAX_WHAT_IFS = 12
TYPING_ERRORS, FREE_TEXTS = 0.05, 0.03  # shares of people
BURST_EVERY, BURST_VISITS = timedelta(days=4), 300

Kind = Literal["quick", "usual", "thorough", "what-if", "owner of several", "bot", "upload", "program"]
Channel = Literal["page", "upload", "api"]


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """Who asks.

    Attributes:
        visits: The relative number of visits by kind.
        per_day: Visits on a working day.
        has_identities: Whether the journal names clients; without keys on one machine all are `local`.
        bursts: Whether a newspaper sends visitors who fill in three fields.
    """

    visits: Mapping[Kind, float]
    per_day: int = 900
    has_identities: bool = True
    bursts: bool = True


MIXTURES: Mapping[str, Mixture] = {
    "private sellers": Mixture(
        visits={"quick": 5, "usual": 4, "thorough": 2, "what-if": 2, "owner of several": 1}
    ),
    "sellers and dealers' files": Mixture(
        visits={"quick": 5, "usual": 4, "thorough": 2, "what-if": 2, "owner of several": 1, "upload": 0.12}
    ),
    "sellers and bots": Mixture(visits={"quick": 5, "usual": 4, "thorough": 2, "what-if": 1, "bot": 0.15}),
    "programs and sellers": Mixture(
        visits={"quick": 5, "usual": 4, "thorough": 2, "what-if": 2, "program": 0.6, "upload": 0.03}
    ),
    "everybody, without keys": Mixture(
        visits={
            "quick": 5,
            "usual": 4,
            "thorough": 2,
            "what-if": 2,
            "bot": 0.01,
            "upload": 0.05,
            "program": 0.3,
        },
        has_identities=False,
    ),
    "three fields, mostly": Mixture(visits={"quick": 12, "usual": 1, "thorough": 1, "what-if": 1}),
}


@dataclass(frozen=True, kw_only=True)
class _Visit:
    channel: Channel
    client: str
    cars: Sequence[int]
    fields: Sequence[str]
    started: datetime
    step_s: float
    what_ifs: int = 1


def requests(listings: pl.DataFrame, mixture: Mixture, *, rows: int, seed: int) -> pl.DataFrame:
    """Simulate requests.

    Args:
        listings: Real listings in the order of posting, with every input.
        mixture: Who asks.
        rows: The number of requests.
        seed: Of the random numbers.

    Returns:
        `quoted_at`, `channel`, `client` and every input, in the order of time.
    """
    random = np.random.default_rng(seed)
    cars, fields, channels, clients, moments, tweaks = [], [], [], [], [], []
    for visit in _visits(mixture, listings=len(listings), random=random):
        mask = np.isin(NAMES, [*REQUIRED, *visit.fields])
        repeats = np.repeat(np.asarray(visit.cars), visit.what_ifs)
        cars.append(repeats)
        fields.append(np.tile(mask, (len(repeats), 1)))
        channels += [visit.channel] * len(repeats)
        clients += [visit.client] * len(repeats)
        moments.append(visit.started.timestamp() + visit.step_s * np.arange(len(repeats)))
        tweaks.append(np.tile(np.arange(visit.what_ifs), len(visit.cars)))
        if len(channels) > 1.05 * rows:
            break
    taken = listings[np.concatenate(cars)].select(NAMES)
    masks, tweak = np.concatenate(fields), np.concatenate(tweaks)
    columns = {
        name: pl.when(pl.Series(masks[:, place])).then(pl.col(name)).alias(name)
        for place, name in enumerate(NAMES)
    }
    frame = taken.with_columns(**columns).with_columns(
        _what_if(tweak),
        model=pl.Series(_misspelt(taken["model"].to_list(), clients, tweak, random)),
        quoted_at=pl.from_epoch(pl.Series(np.concatenate(moments) * 1e3).cast(pl.Int64), time_unit="ms"),
        channel=pl.Series(channels),
        client=pl.Series(clients),
    )
    return frame.with_columns(pl.col("quoted_at").dt.replace_time_zone("UTC")).sort("quoted_at")[:rows]


def _visits(mixture: Mixture, *, listings: int, random: np.random.Generator) -> Iterator[_Visit]:
    kinds = list(mixture.visits)
    shares = np.array([mixture.visits[kind] for kind in kinds])
    hour, next_burst = FIRST, FIRST + BURST_EVERY * 1.3
    visitor, programs = 0, {f"program-{number}": _some_fields(random, 11) for number in range(3)}
    next_car = dict.fromkeys(programs, 0)
    while True:
        people = _busy(hour) * mixture.per_day / 24
        by_kind = {kind: share / shares.sum() * people for kind, share in zip(kinds, shares, strict=True)}
        for kind in ("bot", "program"):  # machines do not sleep
            if kind in by_kind:
                by_kind[kind] = mixture.visits[kind] / shares.sum() * mixture.per_day / 24
        if "upload" in by_kind and not (hour.weekday() < 5 and 8 <= hour.hour < 18):
            by_kind["upload"] = 0
        if mixture.bursts and hour >= next_burst:
            by_kind["quick"] = by_kind.get("quick", 0) + BURST_VISITS
            next_burst += BURST_EVERY * random.uniform(0.5, 1.5)
        todo = [kind for kind, mean in by_kind.items() for _ in range(random.poisson(mean))]
        for kind in random.permutation(todo):
            visitor += 1
            started = hour + timedelta(seconds=float(random.uniform(0, 3600)))
            yield _visit(
                kind, visitor, started, programs=programs, next_car=next_car, mixture=mixture,
                listings=listings, random=random,
            )  # fmt: skip
        hour += timedelta(hours=1)


def _visit(
    kind: Kind,
    visitor: int,
    started: datetime,
    *,
    programs: Mapping[str, Sequence[str]],
    next_car: dict[str, int],
    mixture: Mixture,
    listings: int,
    random: np.random.Generator,
) -> _Visit:
    def client(name: str) -> str:
        return name if mixture.has_identities else "local"

    person = client(f"page/~{visitor:016x}")
    some = int(random.integers(listings))
    if kind == "program":
        name = f"program-{random.choice([0, 0, 0, 1, 1, 2])}"
        size = int(random.integers(1, 60))
        cars = (next_car[name] + np.arange(size)) % listings
        next_car[name] += size
        return _Visit(
            channel="api", client=client(name), cars=cars, fields=programs[name], started=started, step_s=1.0
        )
    if kind == "upload":
        size = int(np.exp(random.uniform(np.log(20), np.log(3_000))))
        cars = (some + np.arange(size)) % listings
        fields = _some_fields(random, int(random.integers(1, 5)))
        return _Visit(
            channel="upload", client=person, cars=cars, fields=fields, started=started, step_s=0.001
        )
    if kind == "bot":
        size = int(random.integers(50, 400))
        cars = random.integers(listings, size=size) if random.random() < 0.5 else np.full(size, some)
        fields = _some_fields(random, int(random.integers(0, 3)))
        return _Visit(
            channel="api",
            client=client(f"~{visitor:016x}"),
            cars=cars,
            fields=fields,
            started=started,
            step_s=2,
        )
    count = {
        "quick": random.integers(0, 2),
        "usual": random.integers(2, 6),
        "thorough": random.integers(8, 12),
    }
    fields = _some_fields(random, int(count.get(kind, random.integers(1, 9))))
    several = int(random.integers(2, 7)) if kind == "owner of several" else 1 + int(random.random() < 0.15)
    what_ifs = int(random.integers(3, MAX_WHAT_IFS)) if kind == "what-if" else 1 + int(random.random() < 0.2)
    cars = random.integers(listings, size=several)
    return _Visit(
        channel="page", client=person, cars=cars, fields=fields, started=started, step_s=25, what_ifs=what_ifs
    )


def _busy(hour: datetime) -> float:
    """How many visits of an average hour come in this one: few at night, fewer on weekends."""
    daytime = 1 + 0.9 * np.sin((hour.hour - 9) / 24 * 2 * np.pi)
    return float(daytime * (1.0 if hour.weekday() < 5 else 0.65))


def _some_fields(random: np.random.Generator, count: int) -> Sequence[str]:
    weights = np.array([EAGERNESS.get(name, 1.0) for name in OPTIONAL])
    chosen: Sequence[str] = random.choice(
        OPTIONAL, size=min(count, len(OPTIONAL)), replace=False, p=weights / weights.sum()
    ).tolist()
    return chosen


def _what_if(tweak: np.ndarray) -> pl.Expr:
    """Change the mileage of every what-if after the first."""
    changed = pl.col("odometer") * pl.Series(1 + 0.07 * tweak)
    return changed.round().clip(0, 400_000).cast(pl.Int32).alias("odometer")


def _misspelt(
    models: Sequence[str], clients: Sequence[str], tweak: np.ndarray, random: np.random.Generator
) -> list[str]:
    chances = random.random(len(models))
    spelt, last = [], ""
    for place, (model, client) in enumerate(zip(models, clients, strict=True)):
        if tweak[place]:
            spelt.append(last)  # a what-if keeps what was typed
            continue
        last = model
        is_person = client.startswith("page/") or client == "local"
        if is_person and chances[place] < TYPING_ERRORS and len(model) > 3:
            cut = int(chances[place] / TYPING_ERRORS * (len(model) - 1))
            last = model[:cut] + model[cut + 1 : cut + 2] + model[cut : cut + 1] + model[cut + 2 :]
        elif is_person and chances[place] < TYPING_ERRORS + FREE_TEXTS:
            last = f"my {model} one owner, runs great"
        spelt.append(last)
    return spelt
