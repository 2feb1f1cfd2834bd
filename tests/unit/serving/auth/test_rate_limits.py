"""Rate limits: a burst, then a rate; each caller has its own bucket; memory is bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carvalue.serving.auth import rate_limits
from carvalue.serving.auth.rate_limits import RateLimits, caller_address


class Clock:
    """A clock that is set by the test."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def admitted(limits: RateLimits, requests: int, caller: str = "shop") -> int:
    return sum(limits.take(caller) is None for _ in range(requests))


def test_a_burst_is_admitted_and_then_the_rate(clock: Clock) -> None:
    limits = RateLimits(rate=10, burst=25, clock=clock)

    assert admitted(limits, 100) == 25
    clock.now += 1
    assert admitted(limits, 100) == 10
    clock.now += 60
    assert admitted(limits, 100) == 25  # an hour of quiet is worth no more than the burst


def test_a_refusal_has_the_time_of_the_next_admission(clock: Clock) -> None:
    limits = RateLimits(rate=0.1, burst=2, clock=clock)
    admitted(limits, 2)

    refusal = limits.take("shop")
    assert refusal is not None
    assert refusal.retry_after_s == 10
    clock.now += refusal.retry_after_s

    assert [admitted(limits, 1), admitted(limits, 1)] == [1, 0]


def test_a_refused_request_uses_no_token(clock: Clock) -> None:
    limits = RateLimits(rate=1, burst=1, clock=clock)

    admitted(limits, 1_000)
    clock.now += 1

    assert admitted(limits, 1) == 1


def test_without_a_limit_all_requests_are_admitted(clock: Clock) -> None:
    assert admitted(RateLimits(rate=0, burst=1, clock=clock), 1_000) == 1_000


@given(
    rate=st.floats(0.01, 10_000), burst=st.integers(1, 1_000), pauses=st.lists(st.floats(0, 10), max_size=200)
)
def test_never_more_than_the_burst_and_the_rate_together(
    rate: float, burst: int, pauses: list[float]
) -> None:
    clock = Clock()
    limits, began, came_in = RateLimits(rate=rate, burst=burst, clock=clock), clock.now, 0

    for pause in pauses:
        clock.now += pause
        came_in += admitted(limits, 3)
        assert came_in <= burst + rate * (clock.now - began) + 1e-3 * rate


def test_the_number_of_remembered_callers_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "MAX_CALLERS", 100)
    limits = RateLimits(rate=1, burst=1, clock=clock)

    for number in range(1_000):
        limits.take(f"10.0.0.{number}")

    assert len(limits._full_at) <= 100
    assert admitted(limits, 1, "10.0.0.999") == 0  # the newest are not among the forgotten


def test_a_busy_caller_keeps_its_bucket(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "MAX_CALLERS", 100)
    limits = RateLimits(rate=1, burst=2, clock=clock)
    admitted(limits, 2, "busy")

    admissions = 0
    for number in range(1_000):
        limits.take(f"10.0.{number // 256}.{number % 256}")
        admissions += admitted(limits, 1, "busy")

    assert admissions == 0


@pytest.mark.parametrize(
    ("address", "caller"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8::9", "2001:db8::/64"),
        ("fe80::9%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("1.2.3.4:http", "no address"),
    ],
)
def test_addresses_of_one_network_are_one_caller(address: str, caller: str) -> None:
    assert caller_address(address) == caller
