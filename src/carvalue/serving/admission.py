"""Who may come in: a request without a good key is answered before anything of it is read."""

from starlette.types import ASGIApp, Receive, Scope, Send

from carvalue.errors import AppError
from carvalue.monitoring.metrics import ServiceMetrics
from carvalue.serving.headers import ASSETS, DOCS
from carvalue.serving.key_ring import KeyRing
from carvalue.serving.problems import problem

HEADER = b"x-api-key"
# what load balancers, Prometheus and readers of the documentation ask without a key: no price and no listing
# is in it, and /metrics is not among the paths that the proxy publishes beyond the private network
OPEN = frozenset({"/healthz", "/readyz", "/metrics", "/openapi.json", DOCS})


class NotAdmitted(AppError):
    """The request bears no key, or one that is not known."""

    status, hint = 401, "Send your key as `X-API-Key`; `carvalue keys new CLIENT` makes one."


class Admission:
    """ASGI middleware that names the client, or refuses it."""

    def __init__(self, app: ASGIApp, *, keys: KeyRing, metrics: ServiceMetrics) -> None:
        self._app, self._keys, self._metrics = app, keys, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with the client's name as `scope["client_name"]`, if it has one."""
        if scope["type"] == "http" and not _is_open(scope["path"]) and self._keys.is_required:
            try:
                scope["client_name"] = self._client(scope)
            except NotAdmitted as error:
                self._metrics.rejected.labels("key").inc()
                await problem(error, scope=scope)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _client(self, scope: Scope) -> str:
        key = next((value for name, value in scope["headers"] if name == HEADER), None)
        if key is None:
            raise NotAdmitted("This service asks for a key.")
        client = self._keys.client_of(key.decode("latin-1"))
        if client is None:
            raise NotAdmitted("The key is not known; perhaps it was revoked.")
        return client


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith(ASSETS)
