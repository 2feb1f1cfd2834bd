"""Fit trees on the workers of a Dask cluster, which grow each tree together.

Each worker reads its rows from files and encodes them part by part. It keeps them quantized: in memory, or on
its disk if they are many. Only the encoder, the histograms and the trees cross the network. The files must
have the same paths on all workers.
"""

import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import polars as pl
import xgboost as xgb
import xgboost.dask as dxgb
from distributed import Client, Future, MultiLock, Scheduler, get_worker, wait
from xgboost.tracker import RabitTracker

from carvalue.parallel import Table, Workers
from carvalue.parallel.cluster import connect_workers, send_value
from carvalue.pricing.bundle import encoder_from_json, encoder_to_json
from carvalue.pricing.features import FeatureEncoder
from carvalue.pricing.training.boosting import EncodedRows, FittedBooster, TreeGrowth, boost
from carvalue.pricing.training.encoding import TrainingEncoder, TrainingRows

logger = logging.getLogger(__name__)

ATTEMPTS = 3
WATCH_S = 5  # between looks at whether all workers still answer
PART_ROWS = 100_000  # rows that are encoded at once: about 60 MB
DISK_ROWS = 2_000_000  # rows of a worker: more are kept on its disk
# Workers exchange histograms once for each level of a tree, instead of once for each of some 200 leaves.
DEPTHWISE: Mapping[str, object] = {"grow_policy": "depthwise", "max_depth": 9}


@dataclass(frozen=True)
class TablePart:
    """Consecutive rows of a table.

    Attributes:
        table: The table.
        start: Index of the first row.
        rows: Number of rows.
    """

    table: Table
    start: int
    rows: int

    def read(self) -> pl.DataFrame:
        """Read these rows only.

        Returns:
            Frame with all columns of the table.
        """
        return self.table().slice(self.start, self.rows).collect()


@dataclass(frozen=True)
class Share:
    """The rows of one worker.

    Attributes:
        train: Rows to fit on.
        validation: Rows for early stopping; None for none on any worker.
    """

    train: Sequence[TablePart]
    validation: Sequence[TablePart] | None


class WorkerLost(Exception):
    """A worker stopped while the trees grew."""


@dataclass(frozen=True, kw_only=True)
class DaskBackend:
    """Fits with all workers of a cluster.

    Attributes:
        client: Connection to the scheduler.
        workers: The workers of the cluster, which do the other work on the rows.
    """

    client: Client
    workers: Workers

    def fit(
        self,
        encoder: TrainingEncoder,
        growths: Sequence[TreeGrowth],
        *,
        rows: TrainingRows,
        validation: TrainingRows | None = None,
    ) -> list[FittedBooster]:
        """Fit several boosters on the same rows, and again with the remaining workers if one is lost.

        Args:
            encoder: Encoder that was fitted on the rows to fit on.
            growths: How the trees of each booster grow; on a cluster they grow level by level (`DEPTHWISE`).
            rows: Rows to fit on.
            validation: Rows for early stopping; None fits all rounds.

        Returns:
            The booster of each growth, cut at its best round.
        """
        text = send_value(self.client, _encoder_to_text(encoder))
        for _ in range(ATTEMPTS - 1):
            processes = self._processes()
            try:
                return self._fit_together(growths, text, rows=rows, validation=validation)
            except WorkerLost:
                pass
            except xgb.core.XGBoostError:
                if self._processes() == processes:
                    raise
            logger.warning("a worker was lost: the trees grow again from the first one")
        return self._fit_together(growths, text, rows=rows, validation=validation)

    def _processes(self) -> Mapping[str, int]:
        """Find the process of each worker that answers."""
        found: Mapping[str, int] = self.client.run(os.getpid, on_error="ignore")
        return found

    def _fit_together(
        self,
        growths: Sequence[TreeGrowth],
        text: "Future[str]",
        *,
        rows: TrainingRows,
        validation: TrainingRows | None,
    ) -> list[FittedBooster]:
        """Encode the rows and grow the trees, with one task on each worker.

        Raises:
            WorkerLost: A worker stopped.
        """
        workers = sorted(self.client.scheduler_info(n_workers=-1)["workers"])
        shares = _shares(rows, validation, workers=len(workers))
        # a task that waits for its turn on a worker would hold up those that run
        with MultiLock(workers, client=self.client):
            encoded = self._on_each(workers, _encode_share, shares, text)
            tracker = self.client.run_on_scheduler(_start_tracker, workers=len(workers))
            fitted = self._on_each(workers, _fit_on_worker, encoded, growths, tracker, DISK_ROWS)
            result: list[FittedBooster] = fitted[0].result()
        return result

    def _on_each(
        self,
        workers: Sequence[str],
        function: Callable[..., Any],
        items: Sequence[Any],
        *arguments: Any,
    ) -> list["Future[Any]"]:
        """Call a function on each worker with an item of its own, and wait for the results."""
        futures = [
            self.client.submit(
                function, item, *arguments, workers=[worker], allow_other_workers=False, pure=False
            )
            for worker, item in zip(workers, items, strict=True)
        ]
        try:
            self._await(futures, workers=workers)
        except BaseException:
            self.client.cancel(futures)
            raise
        return futures

    def _await(self, futures: Sequence["Future[Any]"], *, workers: Sequence[str]) -> None:
        """Wait until all tasks are done or one has failed; raise its error."""
        while waiting := [future for future in futures if not future.done()]:
            if failed := [future for future in futures if future.status == "error"]:
                failed[0].result()
            if not {*workers} <= {*self.client.scheduler_info(n_workers=-1)["workers"]}:
                raise WorkerLost("A worker stopped while the trees grew.")
            with suppress(TimeoutError):
                wait(waiting, timeout=WATCH_S, return_when="FIRST_COMPLETED")
        for future in futures:
            future.result()


@contextmanager
def connect_dask(address: str, *, shared: Path | None = None) -> Iterator[DaskBackend]:
    """Connect to a Dask scheduler, and wait until it has a worker.

    Args:
        address: For example tcp://scheduler:8786.
        shared: A folder that all workers must see; None to check none.

    Yields:
        A backend that fits on the cluster, until the context ends.

    Raises:
        ClusterUnavailable: The scheduler does not answer, or has no worker.
        FolderNotShared: A worker does not see the folder.
    """
    with connect_workers(address, shared=shared) as workers:
        yield DaskBackend(client=workers.client, workers=workers)


class EncodedParts(xgb.DataIter):
    """Encoded rows, which XGBoost reads part by part.

    Args:
        files: Files of encoded rows: the features, and the log price as the last column.
        cache: Folder for quantized rows; None to keep them in memory.
    """

    def __init__(self, files: Sequence[Path], *, cache: Path | None) -> None:
        super().__init__(cache_prefix=str(cache / "page") if cache else None, release_data=True)
        self._files, self._position = files, 0

    def next(self, input_data: Callable[..., None]) -> bool:
        """Pass the next part to XGBoost.

        Args:
            input_data: Takes features, labels and base margins.

        Returns:
            Whether there was one.
        """
        if self._position == len(self._files):
            return False
        rows = np.load(self._files[self._position])
        input_data(data=rows[:, :-1], label=rows[:, -1], base_margin=rows[:, -2])
        self._position += 1
        return True

    def reset(self) -> None:
        """Start again from the first part."""
        self._position = 0


@dataclass(frozen=True, kw_only=True)
class EncodedShare:
    """The encoded rows of a worker, on its disk until this object is deleted.

    Attributes:
        folder: Folder of the files.
        train: Files of the rows to fit on.
        validation: Files of the rows for early stopping; None for none on any worker.
        rows: Number of rows to fit on.
    """

    folder: "TemporaryDirectory[str]"
    train: Sequence[Path]
    validation: Sequence[Path] | None
    rows: int


def _encode_share(share: Share, text: str) -> EncodedShare:
    """Encode the rows of a worker, on that worker."""
    folder = TemporaryDirectory(dir=get_worker().local_directory)
    encoder = _encoder_from_text(text)
    write = partial(_write_encoded, into=Path(folder.name))
    train = write(share.train, encode=encoder.encode_out_of_fold, name="train")
    validation = None
    if share.validation is not None:
        validation = write(share.validation, encode=encoder.encode_unseen, name="validation")
    return EncodedShare(
        folder=folder,
        train=train,
        validation=validation,
        rows=sum(part.rows for part in share.train),
    )


def _write_encoded(
    parts: Sequence[TablePart], *, encode: Callable[[pl.DataFrame], EncodedRows], name: str, into: Path
) -> list[Path]:
    """Write a file for each part: the features, and the log price as the last column."""
    paths = [into / f"{name}-{number}.npy" for number in range(len(parts))]
    for part, path in zip(parts, paths, strict=True):
        rows = encode(part.read())
        np.save(path, np.column_stack([rows.matrix, rows.log_price.astype(np.float32)]))
    return paths


def _fit_on_worker(
    share: EncodedShare, growths: Sequence[TreeGrowth], tracker: Mapping[str, Any], disk_rows: int
) -> list[FittedBooster]:
    """Grow the trees of all workers, with the rows of this one."""
    on_this_worker = dict(DEPTHWISE) | {"nthread": get_worker().state.nthreads}
    with (
        dxgb.CommunicatorContext(**tracker),
        xgb.config_context(nthread=on_this_worker["nthread"]),
        TemporaryDirectory(dir=share.folder.name) as folder,
    ):
        cache = Path(folder) if share.rows > disk_rows else None
        quantized = xgb.ExtMemQuantileDMatrix if cache else xgb.QuantileDMatrix
        binned = [quantized(EncodedParts(share.train, cache=cache))]
        if share.validation is not None:
            binned.append(quantized(EncodedParts(share.validation, cache=cache), ref=binned[0]))
        return [
            boost(replace(growth, params={**growth.params, **on_this_worker}), *binned) for growth in growths
        ]


def _start_tracker(dask_scheduler: Scheduler, *, workers: int) -> Mapping[str, Any]:
    """Start the tracker through which XGBoost's processes meet, on the machine of the scheduler."""
    host = urlsplit(dask_scheduler.address).hostname
    tracker = RabitTracker(n_workers=workers, host_ip=host, sortby="task")
    tracker.start()
    Thread(target=tracker.wait_for, daemon=True).start()
    return tracker.worker_args()


def _shares(rows: TrainingRows, validation: TrainingRows | None, *, workers: int) -> list[Share]:
    """Give each worker about the same number of rows, because XGBoost needs some on each."""
    train = list(_parts(rows.tables, workers=workers))
    held_out = None if validation is None else list(_parts(validation.tables, workers=workers))
    return [
        Share(train[number::workers], None if held_out is None else held_out[number::workers])
        for number in range(workers)
    ]


def _parts(tables: Sequence[Table], *, workers: int) -> Iterator[TablePart]:
    """Split tables into parts of at most `PART_ROWS` rows, the same number for every worker."""
    for table in tables:
        rows = table().select(pl.len()).collect().item()
        if not rows:
            continue
        rounds = ceil(rows / (PART_ROWS * workers))
        each = ceil(rows / (rounds * workers))
        for start in range(0, rows, each):
            yield TablePart(table, start, min(each, rows - start))


def _encoder_to_text(encoder: TrainingEncoder) -> str:
    """Serialize as in a bundle: an encoder holds caches, which cannot be pickled."""
    encoders = (encoder.encoder, *map(FeatureEncoder, encoder.folds))
    return json.dumps({"newest_year": encoder.newest_year, "encoders": [*map(encoder_to_json, encoders)]})


@lru_cache(maxsize=1)  # a worker encodes all its parts with the same one
def _encoder_from_text(text: str) -> TrainingEncoder:
    content = json.loads(text)
    encoder, *folds = map(encoder_from_json, content["encoders"])
    return TrainingEncoder(
        encoder=encoder, folds=tuple(fold.features for fold in folds), newest_year=content["newest_year"]
    )
