"""Clients that ask for quotes without a pause, and send a request again once if it fails."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

CLIENTS = 2
REQUESTS_PER_S = 10.0
"""Of each client; together they stay below the rate limit of one key."""
RETRY_AFTER_S = 1.0
CAR = {"make": "ford", "model": "f-150", "year": 2015, "odometer": 80_000}


@dataclass
class Answers:
    """What the clients received.

    Attributes:
        requests: quotes asked for.
        retried: requests that were sent a second time.
        failures: text of each failure after the retry, and how often it occurred.
        times_s: duration of each request, with its retry, in seconds.
    """

    requests: int = 0
    retried: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    times_s: list[float] = field(default_factory=list)

    def as_row(self, event: str) -> dict[str, Any]:
        """Give the figures as a row of the results."""
        return {
            "event": event,
            "requests": self.requests,
            "sent again": self.retried,
            "failed": sum(self.failures.values()),
            "slowest, s": round(max(self.times_s), 1),
        }


@contextmanager
def load(new_client: Callable[[], httpx.Client], headers: Mapping[str, str]) -> Iterator[Answers]:
    """Ask for quotes until the end of the block."""
    answers, stop, lock = Answers(), threading.Event(), threading.Lock()

    def ask() -> None:
        with new_client() as client:
            while not stop.wait(1 / REQUESTS_PER_S):
                begin = time.monotonic()
                first = _failure(client, headers)
                if first:
                    time.sleep(RETRY_AFTER_S)
                last = first and _failure(client, headers)
                with lock:
                    answers.requests += 1
                    answers.retried += bool(first)
                    answers.times_s.append(time.monotonic() - begin)
                    if last:
                        answers.failures[last] += 1

    threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _failure(client: httpx.Client, headers: Mapping[str, str]) -> str:
    """Ask for one quote; give the text of the failure, empty if there is none."""
    try:
        answer = client.post("/predict", json=CAR, headers=headers)
    except httpx.HTTPError as error:
        return f"{type(error).__name__}: {error}"
    return "" if answer.is_success else f"{answer.status_code} {answer.text[:200]}"
