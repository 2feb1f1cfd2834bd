"""Authentication and rate limits: a request that is refused is answered before its body is read."""

from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send

from carvalue.api import ROUTES
from carvalue.errors import AppError
from carvalue.serving.auth import (
    ClientPseudonyms,
    KeyStore,
    RateLimiter,
    TooManyRequests,
    caller_address,
    named_visitor,
)
from carvalue.serving.middleware.problems import problem
from carvalue.serving.middleware.security_headers import DOCS
from carvalue.telemetry import ServiceMetrics

HEADER = b"x-api-key"
CHANNEL_HEADER = b"x-channel"
PAGE, API = "page", "api"
# load balancers, Prometheus and readers of the documentation: these hold no price and no listing
PUBLIC_PATHS = frozenset(
    {*(path for route in ROUTES if route.access != "key" for path in route.paths), "/openapi.json", DOCS}
)


class KeyRejected(AppError):
    """The request has no key, or one that is not known."""

    status, hint = 401, "Send your key as `X-API-Key`; `carvalue keys new CLIENT` makes one."


REASONS = {KeyRejected: "key", TooManyRequests: "rate"}


class AuthenticationMiddleware:
    """ASGI middleware that identifies the client by its API key and applies the rate limits.

    Args:
        app: the application that allowed requests are passed to.
        keys: the keys that are accepted.
        visitor_clients: names of the clients that may name their visitors.
        pseudonyms: names visitors, and callers without a key, in the journal.
        limits: the rate limit of each client, of each visitor, and of each address without a key.
        metrics: counts rejected requests.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        keys: KeyStore,
        visitor_clients: Collection[str] = (),
        pseudonyms: ClientPseudonyms,
        limits: RateLimiter,
        metrics: ServiceMetrics,
    ) -> None:
        self._app, self._keys, self._limits, self._metrics = app, keys, limits, metrics
        self._visitor_clients, self._pseudonyms = visitor_clients, pseudonyms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass an allowed request on.

        The scope then holds `client_name`, the name of the API client or None without keys, and
        `journal_client`, the client's name in the journal, which is never None. A visitor of a client has a
        name of its own in the journal: the client's name, a slash and the pseudonym of the visitor's address.
        `journal_route` is `page` for what people ask for on the page, otherwise `api`.

        Args:
            scope: the connection, as ASGI defines it.
            receive: reads the request.
            send: sends the answer.
        """
        if scope["type"] == "http" and not _is_public(scope["path"]):
            refusal = await self._refusal(scope)
            if refusal is not None:
                self._metrics.rejected.labels(REASONS[type(refusal)]).inc()
                await problem(refusal, scope=scope)(scope, receive, send)
                return
            scope["journal_client"] = self._journal_client(scope)
            scope["journal_route"] = self._journal_route(scope)
        await self._app(scope, receive, send)

    async def _refusal(self, scope: Scope) -> AppError | None:
        try:
            client = scope["client_name"] = self._client(scope)
        except KeyRejected as rejected:
            # an address that tries keys has the limit of every address without a key
            return await self._limits.refusal(_address(scope)) or rejected
        visitor = scope["visitor"] = named_visitor(
            scope["headers"], client=client, visitor_clients=self._visitor_clients
        )
        caller = client or _address(scope)
        return await self._limits.refusal(f"{caller}/{caller_address(visitor)}" if visitor else caller)

    def _journal_client(self, scope: Scope) -> str:
        client, visitor = scope["client_name"], scope["visitor"]
        if client and visitor:
            return f"{client}/{self._pseudonyms.client_at(visitor)}"
        return client or self._pseudonyms.client_at(_host(scope))

    def _journal_route(self, scope: Scope) -> str:
        """Tell the page from programs. Where no keys are required, the page says what it is."""
        client = scope["client_name"]
        if client is None:
            return PAGE if (CHANNEL_HEADER, PAGE.encode()) in scope["headers"] else API
        return PAGE if client in self._visitor_clients else API

    def _client(self, scope: Scope) -> str | None:
        """Name the client; None if no key is required."""
        if not self._keys.is_required:
            return None
        key = next((value for name, value in scope["headers"] if name == HEADER), None)
        if key is None:
            raise KeyRejected("This service asks for a key.")
        client = self._keys.client_of(key.decode("latin-1"))
        if client is None:
            raise KeyRejected("The key is not known; perhaps it was revoked.")
        return client


def _address(scope: Scope) -> str:
    return caller_address(_host(scope))


def _host(scope: Scope) -> str:
    host, _ = scope["client"] or ("nowhere", 0)
    return str(host)


def _is_public(path: str) -> bool:
    return path in PUBLIC_PATHS or path.startswith(f"{DOCS}/")
