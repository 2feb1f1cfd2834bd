"""Remembers what a method gave, for as long as its object lives and no longer."""

from collections.abc import Callable
from functools import lru_cache
from typing import ParamSpec, TypeVar, cast
from weakref import WeakMethod

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def weak_lru_cache(method: Callable[Arguments, Result], *, size: int) -> Callable[Arguments, Result]:
    """Give a function that remembers the last `size` results of a bound method.

    It does not keep the method's object alive: a model that was replaced is then gone at once, instead of
    waiting for a garbage collection that walks over a million objects.
    """
    alive = WeakMethod(method)

    @lru_cache(maxsize=size, typed=True)  # typed: to a cache, True would be 1
    def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        found = alive()
        assert found is not None  # noqa: S101  # whoever calls has the object
        return found(*args, **kwargs)

    return cast("Callable[Arguments, Result]", call)
