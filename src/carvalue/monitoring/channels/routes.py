"""The channels that quotes come through."""

PAGE, UPLOAD, API = "page", "upload", "api"


def channel_of(route: str | None, client: str | None) -> str:
    """Name the channel of a quote.

    Args:
        route: How the quote was asked for: `page`, `upload` or `api`; None for quotes of earlier releases.
        client: Who asked, as the journal names it; None for quotes of release 0.1.

    Returns:
        `page`, `upload`, `api` for callers without a key, or `api/` and the name of a program.

    >>> channel_of("page", "local"), channel_of(None, "page/~0f1e"), channel_of("api", "~0f1e")
    ('page', 'page', 'api')
    >>> channel_of("api", "shop"), channel_of(None, None), channel_of("upload", "shop")
    ('api/shop', 'api', 'upload')
    """
    if route == UPLOAD:
        return UPLOAD
    is_visitor = client is not None and "/~" in client
    if route == PAGE or (route is None and is_visitor):
        return PAGE
    has_no_key = client is None or client == "local" or client.startswith("~") or is_visitor
    return API if has_no_key else f"{API}/{client}"
