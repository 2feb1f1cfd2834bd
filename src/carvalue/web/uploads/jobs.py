"""Prices an uploaded table in the background, so that progress survives a visit to another page."""

import time
from collections.abc import Iterator, Sequence
from threading import Event, Thread

from carvalue.api import AnyQuote
from carvalue.client import ListingRejected, PriceServiceClient
from carvalue.errors import AppError
from carvalue.listings import Listing

BATCH_ROWS = 200  # listings in a request


class PricingJob:
    """Prices listings in a thread of its own.

    Attributes:
        rows: Number of listings.
        answers: For each listing that is done a quote, or the reason why there is none.
        failure: Why the job stopped; empty while it runs and after success. `resume` continues it.
    """

    def __init__(self, client: PriceServiceClient, listings: Sequence[Listing], known: Sequence[str]) -> None:
        """Start the job.

        Args:
            client: The price service.
            listings: The cars.
            known: For each car the reason why it cannot be priced, if that is known already; else empty.
        """
        self.rows = len(listings)
        self.answers: list[AnyQuote | str] = []
        self.failure = ""
        self._client, self._listings, self._known = client, listings, known
        self._cancelled = Event()
        self.resume()

    @property
    def is_done(self) -> bool:
        """Whether every listing has an answer."""
        return len(self.answers) == self.rows

    @property
    def is_running(self) -> bool:
        """Whether the thread works."""
        return self._thread.is_alive()

    @property
    def remaining_s(self) -> float | None:
        """Estimated remaining time in seconds; None before the first batch is done."""
        done = len(self.answers) - self._before
        if not done:
            return None
        return (time.monotonic() - self._started) / done * (self.rows - len(self.answers))

    def resume(self) -> None:
        """Continue after a failure, with the listings that have no answer yet."""
        self.failure, self._before, self._started = "", len(self.answers), time.monotonic()
        self._thread = Thread(target=self._run, name="pricing job", daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """Stop after the present batch."""
        self._cancelled.set()

    def wait(self, timeout_s: float) -> None:
        """Wait for the end of the job.

        Args:
            timeout_s: How long at most, in seconds.
        """
        self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            while not self.is_done and not self._cancelled.is_set():
                start = len(self.answers)
                batch = self._listings[start : start + BATCH_ROWS]
                self.answers.extend(self._answers(batch, self._known[start : start + BATCH_ROWS]))
        except AppError as error:
            self.failure = str(error)

    def _answers(self, batch: Sequence[Listing], known: Sequence[str]) -> list[AnyQuote | str]:
        listings = [listing for listing, reason in zip(batch, known, strict=True) if not reason]
        priced = iter(list(price_all(self._client, listings)))
        return [reason or next(priced) for reason in known]


def price_all(client: PriceServiceClient, listings: Sequence[Listing]) -> Iterator[AnyQuote | str]:
    """Price listings in one request; a part with a rejected listing is divided until the listing is found.

    Args:
        client: The price service.
        listings: The cars, at most 1,000.

    Yields:
        For each listing, in order, its quote or the reason why it cannot be priced.

    Raises:
        ServiceDown, ModelNotReady: The service gives no quotes.
    """
    if not listings:
        return
    try:
        yield from client.quotes(listings)
    except ListingRejected as error:
        if len(listings) == 1:
            reasons = (f"{field}: expected {text}" for field, text in error.expected.items())
            yield "; ".join(reasons) or error.message
            return
        middle = len(listings) // 2
        yield from price_all(client, listings[:middle])
        yield from price_all(client, listings[middle:])
