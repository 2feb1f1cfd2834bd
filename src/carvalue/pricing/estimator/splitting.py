"""Cross-validation by time and by car: a model is tested on later listings of cars that it has not seen."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]


class GroupedTimeSplit:
    """Split listings by time, so that no car is in the training and the test rows of one split.

    A careless split measures cars that were posted again, whose error is lower than that of unseen cars.

    Args:
        n_splits: Number of splits; the rows are cut into one block more.

    Examples:
        >>> import polars as pl
        >>> X = pl.DataFrame({"posted_at": [1, 2, 3, 4], "car": [7, 8, 7, 9]})
        >>> [(train.tolist(), test.tolist()) for train, test in GroupedTimeSplit(n_splits=1).split(X)]
        [([0, 1], [3])]
    """

    def __init__(self, n_splits: int = 3) -> None:
        self.n_splits = n_splits

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Rows, Rows]]:  # noqa: N803
        """Yield the training and test rows of each split.

        Args:
            X: Frame with `posted_at`; without it the rows count as sorted by time.
            y: Not used.
            groups: Identity of each row's car, shape (rows,); the column `car` of `X` by default.

        Yields:
            Indices of the training rows, all earlier than the test rows, and of the test rows.
        """
        del y
        cars = _column(X, "car") if groups is None else np.asarray(groups)
        times = _column(X, "posted_at")
        order = np.argsort(times, kind="stable")
        blocks = np.array_split(order, self.n_splits + 1)
        for number in range(1, len(blocks)):
            train, later = np.sort(np.concatenate(blocks[:number])), np.sort(blocks[number])
            yield train, later[~np.isin(cars[later], cars[train])]

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:  # noqa: N803
        """Count the splits.

        Args:
            X: Not used.
            y: Not used.
            groups: Not used.

        Returns:
            The number of splits.
        """
        del X, y, groups
        return self.n_splits


def _column(rows: Any, name: str) -> npt.NDArray[Any]:
    return np.asarray(rows[name]) if name in rows.columns else np.arange(len(rows))
