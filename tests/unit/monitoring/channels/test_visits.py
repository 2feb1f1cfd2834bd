"""One visit does not look like many people: repeats, floods and files count little."""

from datetime import UTC, datetime, timedelta

import polars as pl

from carvalue.monitoring.channels.visits import (
    MIN_PER_CLIENT,
    ROWS_PER_UPLOAD,
    WINDOW,
    ClientShares,
    UnnamedCallers,
    VisitFilter,
)
from carvalue.monitoring.drift import INPUTS
from markets import a_market

NEW_PER_PERIOD = 1
START = datetime(2026, 11, 1, tzinfo=UTC)


def admitted(shares: ClientShares, client: str, count: int, *, start: int = 0) -> int:
    return sum(shares.admits(client, START + timedelta(seconds=start + number)) for number in range(count))


def test_a_lone_client_is_checked_whole() -> None:
    assert admitted(ClientShares(), "", 3_000) == 3_000


def test_a_flood_is_cut_while_others_are_active() -> None:
    shares = ClientShares()
    for number in range(200):
        admitted(shares, f"visitor-{number}", 1)

    assert admitted(shares, "flood", 3_000) < 3 * WINDOW // 100
    assert admitted(shares, "visitor-1", 3) == 3


def test_clients_are_active_for_an_hour() -> None:
    shares = ClientShares()
    for name in "abc":
        admitted(shares, name, 10)
    admitted(shares, "flood", 2_000)
    hour = int(timedelta(hours=1).total_seconds())

    assert shares.active_clients == 4
    assert admitted(shares, "flood", 100, start=hour + 100) == 100
    assert shares.active_clients == 1


def cars(rows: int, *, client: str = "page/~1", seed: int = 3) -> pl.DataFrame:
    market = a_market(rows=rows, seed=seed).select(INPUTS)
    moments = pl.lit(START) + pl.duration(seconds=pl.int_range(rows))
    return market.with_columns(quoted_at=moments, client=pl.lit(client))


def test_what_ifs_count_once() -> None:
    one = pl.concat([cars(1)] * 5).with_columns(odometer=pl.int_range(5) * 10_000)

    assert len(VisitFilter("page").choose(one)) == 1
    assert len(VisitFilter("api/shop").choose(one)) == 5  # a program may have five such cars
    assert len(VisitFilter("api/shop").choose(pl.concat([cars(1)] * 5))) == 1


def test_different_cars_of_one_visitor_all_count() -> None:
    assert len(VisitFilter("page").choose(cars(5))) == 5


def test_an_upload_counts_as_one_visitor() -> None:
    visits = VisitFilter("upload")

    assert len(visits.choose(cars(500))) == ROWS_PER_UPLOAD
    tomorrow = cars(500, seed=9).with_columns(pl.col("quoted_at") + timedelta(days=1))
    assert (
        1 <= len(visits.choose(tomorrow)) <= ROWS_PER_UPLOAD
    )  # another visit; one of its cars may be a repeat


def test_each_of_many_clients_may_always_send_a_few() -> None:
    shares = ClientShares()
    for number in range(900):
        admitted(shares, f"visitor-{number}", 1)

    assert admitted(shares, "one of them", MIN_PER_CLIENT) == MIN_PER_CLIENT


def unnamed(
    rows: int, *, start: timedelta, every_s: float, seed: int, missing: tuple[str, ...] = ()
) -> pl.DataFrame:
    moments = pl.lit(START + start) + pl.duration(milliseconds=pl.int_range(rows) * int(1_000 * every_s))
    empty = [pl.lit(None, dtype=cars(1).schema[name]).alias(name) for name in missing]
    return cars(rows, client="local", seed=seed).with_columns(*empty, quoted_at=moments)


def test_a_bot_without_a_name_counts_little_beside_a_program() -> None:
    visits = VisitFilter("api")
    program = unnamed(1_000, start=timedelta(0), every_s=120, seed=1)
    bot = unnamed(
        400, start=timedelta(seconds=120_000), every_s=2, seed=2, missing=("odometer", "condition", "fuel")
    )
    kinds = bot.select(pl.col(name).is_null() for name in INPUTS).n_unique()

    assert len(visits.choose(program)) > 900
    assert len(visits.choose(bot)) <= 2 * NEW_PER_PERIOD * kinds  # it begins within a quarter of an hour


def test_a_program_without_a_name_that_loses_a_field_counts_whole_after_an_hour() -> None:
    callers = UnnamedCallers()
    complete, broken = 0b111, 0b110

    def admitted(fields: int, start: int, count: int) -> list[bool]:
        moments = (START + timedelta(minutes=start + number) for number in range(count))
        return [callers.admits(fields, moment) for moment in moments]

    assert all(admitted(complete, 0, 1_000))
    change = admitted(broken, 1_000, 200)
    assert sum(change[:35]) <= 3 * NEW_PER_PERIOD
    assert all(change[60:])


def test_a_kind_that_was_not_seen_for_a_day_is_new_again() -> None:
    callers = UnnamedCallers()
    for hour in range(60):
        callers.admits(0b111, START + timedelta(hours=hour))
    later = START + timedelta(days=9)

    admitted = [callers.admits(0b111, later) for _ in range(5)]
    assert admitted == [True] * NEW_PER_PERIOD + [False] * (5 - NEW_PER_PERIOD)
