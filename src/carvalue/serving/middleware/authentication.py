"""Who may come in, and how often: whoever may not is answered before anything of the request is read."""

from starlette.types import ASGIApp, Receive, Scope, Send

from carvalue.errors import AppError
from carvalue.serving.auth import KeyStore, RateLimits, TooManyRequests, caller_address
from carvalue.serving.middleware.problems import problem
from carvalue.serving.middleware.security_headers import ASSETS, DOCS
from carvalue.telemetry import ServiceMetrics

HEADER = b"x-api-key"
# what load balancers, Prometheus and readers of the documentation ask without a key: no price and no listing
# is in it, and /metrics is not among the paths that the proxy publishes beyond the private network
OPEN = frozenset({"/healthz", "/readyz", "/metrics", "/openapi.json", DOCS})


class KeyRejected(AppError):
    """The request bears no key, or one that is not known."""

    status, hint = 401, "Send your key as `X-API-Key`; `carvalue keys new CLIENT` makes one."


REASONS = {KeyRejected: "key", TooManyRequests: "rate"}


class AuthenticationMiddleware:
    """ASGI middleware that names the client, or refuses it."""

    def __init__(self, app: ASGIApp, *, keys: KeyStore, limits: RateLimits, metrics: ServiceMetrics) -> None:
        self._app, self._keys, self._limits, self._metrics = app, keys, limits, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with the client's name as `scope["client_name"]`, if it has one."""
        if scope["type"] == "http" and not _is_open(scope["path"]):
            refusal = self._refusal(scope)
            if refusal is not None:
                self._metrics.rejected.labels(REASONS[type(refusal)]).inc()
                await problem(refusal, scope=scope)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> AppError | None:
        unknown = None
        try:
            caller = scope["client_name"] = self._client(scope)
        except KeyRejected as error:
            caller, unknown = None, error
        # whoever tries keys is limited like everyone without one
        return self._limits.refusal(caller or _address(scope)) or unknown

    def _client(self, scope: Scope) -> str | None:
        """Name the client; None where nobody needs a key."""
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
    host, _ = scope["client"] or ("nowhere", 0)
    return caller_address(host)


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith(ASSETS)
