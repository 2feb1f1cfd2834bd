"""A least-recently-used cache for a method that does not keep the method's object alive."""

from collections.abc import Callable
from functools import lru_cache
from typing import ParamSpec, TypeVar, cast
from weakref import WeakMethod

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def weak_lru_cache(method: Callable[Arguments, Result], *, size: int) -> Callable[Arguments, Result]:
    """Wrap a bound method in an LRU cache that holds a weak reference to its object.

    A replaced model is then freed at once by its reference count, without waiting for a garbage collection
    over a million objects.

    Args:
        method: Bound method with hashable arguments.
        size: Maximum number of cached results.

    Returns:
        Function with the arguments and results of the method; callers must hold the method's object.

    Examples:
        >>> class Squares:
        ...     def of(self, number: int) -> int:
        ...         return number * number
        >>> squares = Squares()
        >>> square = weak_lru_cache(squares.of, size=2)
        >>> square(7)
        49
    """
    reference = WeakMethod(method)

    @lru_cache(maxsize=size, typed=True)  # typed: without it, True and 1 share an entry
    def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        bound = reference()
        assert bound is not None  # noqa: S101  # the caller holds the object
        return bound(*args, **kwargs)

    return cast("Callable[Arguments, Result]", call)
