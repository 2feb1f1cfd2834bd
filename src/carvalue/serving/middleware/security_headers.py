"""Security headers: an answer is not cached, framed, MIME-sniffed or run as a script."""

import base64
import hashlib
import re

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html

HeaderPairs = tuple[tuple[bytes, bytes], ...]
"""Names in lower case, and values, as ASGI has them."""

DOCS = "/docs"
ASSETS = "/static-offline-docs/"
DENY_ALL = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


class SecurityHeaders:
    """The security headers of each answer, by path; computed once, because each request needs them.

    Args:
        app: its documentation page has an inline script, which the content security policy allows by hash.
    """

    def __init__(self, app: FastAPI) -> None:
        self._default = _headers(policy=DENY_ALL, cache="no-store")
        self._docs = _headers(policy=_docs_policy(app), cache="no-store")
        self._assets = _headers(policy=DENY_ALL, cache="no-cache")  # cached, but checked for a newer version

    def for_path(self, path: str) -> HeaderPairs:
        """Select the headers of an answer.

        Args:
            path: path of the request.

        Returns:
            The headers: of the documentation page, of its assets, or of every other answer.
        """
        if path == DOCS:
            return self._docs
        return self._assets if path.startswith(ASSETS) else self._default


def _headers(*, policy: str, cache: str) -> HeaderPairs:
    return (
        (b"cache-control", cache.encode()),  # a quote is private and soon out of date
        (b"content-security-policy", policy.encode()),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"referrer-policy", b"no-referrer"),
        (b"x-content-type-options", b"nosniff"),
    )


def _docs_policy(app: FastAPI) -> str:
    """Allow Swagger UI's own files, its one inline script by hash, and the styles that it sets inline."""
    return (
        f"{DENY_ALL}; script-src 'self' {_inline_scripts(app)}; style-src 'self' 'unsafe-inline'; "
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
