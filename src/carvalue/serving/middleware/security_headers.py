"""Security headers: an answer is not cached, framed, MIME-sniffed or run as a script."""

HeaderPairs = tuple[tuple[bytes, bytes], ...]
"""Names in lower case, and values, as ASGI has them."""

DOCS = "/docs"
ASSETS = "/docs/assets/"
ACCURACY = "/accuracy"
DENY_ALL = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
# Swagger UI's own files, and the styles that it sets inline
DOCS_POLICY = (
    f"{DENY_ALL}; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'"
)

ACCURACY_POLICY = f"{DENY_ALL}; style-src 'unsafe-inline'"  # the styles of the page are in the page


def security_headers(path: str) -> HeaderPairs:
    """Select the headers of an answer.

    Args:
        path: path of the request.

    Returns:
        The headers: of the two pages, of the assets of the documentation, or of every other answer.
    """
    if path == DOCS:
        return _DOCS
    if path == ACCURACY:
        return _ACCURACY
    return _ASSETS if path.startswith(ASSETS) else _DEFAULT


def _headers(*, policy: str, cache: str) -> HeaderPairs:
    return (
        (b"cache-control", cache.encode()),  # a quote is private and soon out of date
        (b"content-security-policy", policy.encode()),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"referrer-policy", b"no-referrer"),
        (b"x-content-type-options", b"nosniff"),
    )


_DEFAULT = _headers(policy=DENY_ALL, cache="no-store")
_ACCURACY = _headers(policy=ACCURACY_POLICY, cache="no-store")
_DOCS = _headers(policy=DOCS_POLICY, cache="no-store")
_ASSETS = _headers(policy=DENY_ALL, cache="no-cache")  # cached, but checked for a newer version
