"""The base class of expected errors. Each error class is defined next to the code that raises it."""

from typing import ClassVar


class AppError(Exception):
    """An expected failure. The message says what was expected and what came; the hint says what to do.

    Attributes:
        status: The HTTP status code of the response when a request ends in this error.
        hint: What the reader can do about it, in one sentence.
        problem_type: RFC 9457 problem type, a URI; "about:blank" if the HTTP status is enough.

    >>> class OutOfPaper(AppError):
    ...     status, hint = 503, "Fill the tray."
    >>> error = OutOfPaper("The tray has 0 sheets: expected 1 or more.")
    >>> str(error)
    'The tray has 0 sheets: expected 1 or more. Fill the tray.'
    >>> error.message
    'The tray has 0 sheets: expected 1 or more.'
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
