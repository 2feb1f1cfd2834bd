"""Fit trees on the workers of a Dask cluster.

Each worker reads its rows from files, encodes them and keeps them in memory; only the encoder, the histograms
and the trees cross the network. The files must have the same paths on all workers.
"""

import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from pathlib import Path
from typing import Any, Literal

import dask.array as da
import numpy as np
import polars as pl
import xgboost as xgb
import xgboost.dask as dxgb
from distributed import Client, Future

from carvalue.parallel import Table, Workers
from carvalue.parallel.cluster import connect_workers, send_value
from carvalue.pricing.bundle import encoder_from_json, encoder_to_json
from carvalue.pricing.features import FeatureEncoder, Matrix
from carvalue.pricing.training.boosting import (
    VALIDATION,
    FittedBooster,
    cut_at_best,
    native_params,
    patience,
    robust_loss,
)
from carvalue.pricing.training.encoding import TrainingEncoder, TrainingRows

logger = logging.getLogger(__name__)

ATTEMPTS = 3
PART_ROWS = 100_000  # rows of a task: about 60 MB while they are encoded
# Workers exchange histograms once for each level of a tree, instead of once for each of some 200 leaves.
DEPTHWISE: Mapping[str, object] = {"grow_policy": "depthwise", "max_depth": 9}

Encoding = Literal["out_of_fold", "unseen"]
"""Which method of `TrainingEncoder` encodes the rows."""


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


@dataclass(frozen=True, kw_only=True)
class DaskBackend:
    """Fits with all workers of a cluster; the encoded rows must fit into their memory together.

    Attributes:
        client: Connection to the scheduler.
        workers: The workers of the cluster, which do the other work on the rows.
    """

    client: Client
    workers: Workers

    def fit(
        self,
        encoder: TrainingEncoder,
        *,
        train: TrainingRows,
        validation: TrainingRows,
        params: Mapping[str, float],
        rounds: int,
    ) -> FittedBooster:
        """Fit with early stopping on the validation rows.

        Args:
            encoder: Encoder that was fitted on the training rows.
            train: Training rows.
            validation: Validation rows.
            params: XGBoost parameters, without the fixed ones.
            rounds: Largest number of boosting rounds.

        Returns:
            The booster, cut at its best round.
        """
        sent = self._send(encoder)

        def fit() -> Any:
            binned = self._matrix(sent, train, encoding="out_of_fold")
            held_out = self._matrix(sent, validation, encoding="unseen", ref=binned)
            return dxgb.train(
                self.client,
                _params(params, encoder=encoder),
                binned,
                rounds,
                evals=[(held_out, VALIDATION)],
                obj=robust_loss,
                early_stopping_rounds=patience(rounds),
                verbose_eval=False,
            )

        result = self._despite_lost_workers(fit)
        return cut_at_best(result["booster"], curve=result["history"][VALIDATION]["mae"])

    def refit(
        self, encoder: TrainingEncoder, *, rows: TrainingRows, params: Mapping[str, float], rounds: int
    ) -> xgb.Booster:
        """Fit a fixed number of rounds.

        Args:
            encoder: Encoder that was fitted on all these rows.
            rows: Training rows.
            params: XGBoost parameters, without the fixed ones.
            rounds: Number of boosting rounds.

        Returns:
            The booster with all its trees.
        """
        sent = self._send(encoder)

        def fit() -> Any:
            binned = self._matrix(sent, rows, encoding="out_of_fold")
            return dxgb.train(self.client, _params(params, encoder=encoder), binned, rounds, obj=robust_loss)

        booster: xgb.Booster = self._despite_lost_workers(fit)["booster"]
        return booster

    def _despite_lost_workers(self, fit: Callable[[], Any]) -> Any:
        """Grow the trees, and grow them again if a worker was lost.

        The workers build each tree together. When one is lost, XGBoost stops on all of them; the next attempt
        uses the workers that there are then, and reads and encodes the lost rows again.
        """
        for _ in range(ATTEMPTS - 1):
            workers = self._processes()
            try:
                return fit()
            except ValueError:  # XGBoost's own error is one, too; Dask may give a lost task to another worker
                if self._processes() == workers:
                    raise
                logger.warning("a worker was lost: the trees grow again from the first one")
        return fit()

    def _processes(self) -> Mapping[str, int]:
        """Find the process of each worker that answers."""
        found: Mapping[str, int] = self.client.run(os.getpid, on_error="ignore")
        return found

    def _send(self, encoder: TrainingEncoder) -> "_SentEncoder":
        """Send the encoder to every worker, once."""
        text = send_value(self.client, _encoder_to_text(encoder))
        return _SentEncoder(text=text, columns=len(encoder.encoder.names) + 1)

    def _matrix(
        self,
        encoder: "_SentEncoder",
        rows: TrainingRows,
        *,
        encoding: Encoding,
        ref: dxgb.DaskQuantileDMatrix | None = None,
    ) -> dxgb.DaskQuantileDMatrix:
        """Encode rows on the workers; each gets a share, because XGBoost requires it."""
        workers = list(self.client.scheduler_info(n_workers=-1)["workers"])
        whole = da.concatenate(
            [
                self._encoded(part, encoder, encoding=encoding, worker=workers[number % len(workers)])
                for number, part in enumerate(_parts(rows.tables, workers=len(workers)))
            ]
        )
        return dxgb.DaskQuantileDMatrix(
            self.client, whole[:, :-1], whole[:, -1], base_margin=whole[:, -2], ref=ref
        )

    def _encoded(
        self, part: TablePart, encoder: "_SentEncoder", *, encoding: Encoding, worker: str
    ) -> da.Array:
        encoded = self.client.submit(
            _encode,
            part,
            encoder.text,
            encoding=encoding,
            workers=worker,
            allow_other_workers=True,
            pure=False,
        )
        return da.from_delayed(encoded, shape=(part.rows, encoder.columns), dtype=np.float32)


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


@dataclass(frozen=True, kw_only=True)
class _SentEncoder:
    text: "Future[str]"
    """The serialized encoder, in every worker's memory."""
    columns: int
    """Columns of an encoded row: the features and the log price."""


def _params(params: Mapping[str, float], *, encoder: TrainingEncoder) -> dict[str, object]:
    return native_params(params, monotone=encoder.encoder.monotone) | dict(DEPTHWISE)


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


def _encode(part: TablePart, text: str, *, encoding: Encoding) -> Matrix:
    """Encode rows on a worker; the log price is the last column."""
    encoder = _encoder_from_text(text)
    encode = encoder.encode_out_of_fold if encoding == "out_of_fold" else encoder.encode_unseen
    rows = encode(part.read())
    return np.column_stack([rows.matrix, rows.log_price.astype(np.float32)])


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
