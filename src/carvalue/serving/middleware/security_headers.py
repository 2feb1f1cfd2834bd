"""Headers that keep an answer from being stored, framed, sniffed or run."""

import base64
import hashlib
import re

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html

HeaderPairs = tuple[tuple[bytes, bytes], ...]

DOCS = "/docs"
ASSETS = "/static-offline-docs/"
NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


class SecurityHeaders:
    """The headers of every answer, by path; made once, since each request needs them."""

    def __init__(self, app: FastAPI) -> None:
        self._usual = _headers(policy=NOTHING, cache="no-store")
        self._docs = _headers(policy=_docs_policy(app), cache="no-store")
        self._assets = _headers(policy=NOTHING, cache="no-cache")  # kept, and asked whether they changed

    def of(self, path: str) -> HeaderPairs:
        """Give the headers of an answer at a path."""
        if path == DOCS:
            return self._docs
        return self._assets if path.startswith(ASSETS) else self._usual


def _headers(*, policy: str, cache: str) -> HeaderPairs:
    return (
        (b"cache-control", cache.encode()),  # a quote is for who asked, and out of date soon
        (b"content-security-policy", policy.encode()),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"referrer-policy", b"no-referrer"),
        (b"x-content-type-options", b"nosniff"),
    )


def _docs_policy(app: FastAPI) -> str:
    """Allow Swagger UI's own files and its one inline script, by hash; its styles are set in elements."""
    return (
        f"{NOTHING}; script-src 'self' {_inline_scripts(app)}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; connect-src 'self'"
    )


def _inline_scripts(app: FastAPI) -> str:
    page = get_swagger_ui_html(
        openapi_url=app.openapi_url or "",
        title=app.title,
        oauth2_redirect_url=app.swagger_ui_oauth2_redirect_url,
        swagger_ui_parameters=app.swagger_ui_parameters,
    )
    scripts = re.findall(rb"<script>(.*?)</script>", bytes(page.body), re.DOTALL)
    digests = (base64.b64encode(hashlib.sha256(script).digest()).decode() for script in scripts)
    return " ".join(f"'sha256-{digest}'" for digest in digests)
