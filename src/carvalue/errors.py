"""The base of every error raised on purpose; real errors live beside the code that raises them."""

from typing import ClassVar


class AppError(Exception):
    """An expected failure: says what was expected, what came, and what to do next.

    Attributes:
        status: HTTP status that an edge answers with.
        hint: what the reader can do about it, one sentence.
        problem_type: RFC 9457 problem type, a URI; "about:blank" where the HTTP status says enough.
    """

    status: ClassVar[int] = 500
    hint: ClassVar[str] = ""
    problem_type: ClassVar[str] = "about:blank"

    def __str__(self) -> str:
        message = super().__str__()
        return f"{message} {self.hint}".strip()

    @property
    def message(self) -> str:
        """The message without the hint."""
        return super().__str__()
