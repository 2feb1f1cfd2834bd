"""Error answers (RFC 9457)."""

from msgspec import UNSET, Struct, UnsetType


class FieldProblem(Struct, frozen=True, kw_only=True):
    """A field of a request that cannot be used.

    Attributes:
        field: Name of the field, as the request has it; empty if the whole listing is wrong.
        pointer: Place in the body (RFC 6901).
        came: The value that came, shortened.
        expected: What the service accepts.
    """

    field: str
    pointer: str
    came: str
    expected: str


class Problem(Struct, frozen=True, kw_only=True):
    """An error answer.

    Attributes:
        type: Problem type, a URI; `about:blank` where the status says enough.
        title: The status in words.
        status: The HTTP status.
        detail: What went wrong, in a sentence.
        request_id: Identifies the request in the log of the service.
        hint: What to do.
        errors: The fields that cannot be used.
    """

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    hint: str | UnsetType = UNSET
    errors: tuple[FieldProblem, ...] | UnsetType = UNSET
