"""Trees fitted by the workers of a Dask cluster: each reads its rows from Parquet, encodes and keeps them.

Only the encoder, the histograms and the trees cross the network. All workers read the same paths.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Literal

import dask.array as da
import numpy as np
import polars as pl
import xgboost as xgb
import xgboost.dask as dxgb
from distributed import Client, Future

from carvalue.errors import AppError
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
from carvalue.pricing.training.cross_fitting import TrainingEncoder

PART_ROWS = 100_000  # of a task: about 60 MB while it is encoded
CONNECT_S = 20
# Workers exchange histograms once for each level of a tree; leaf by leaf they wait for each other 200 times.
LEVEL_BY_LEVEL: Mapping[str, object] = {"grow_policy": "depthwise", "max_depth": 9}

PartKind = Literal["learned", "unseen"]


class ClusterUnavailable(AppError):
    """The cluster cannot be worked with."""

    status, hint = 502, "Start `dask scheduler` and `dask worker`, or empty TRAINING_CLUSTER."


@dataclass(frozen=True)
class FilePart:
    """Some consecutive rows of a file."""

    path: Path
    start: int
    rows: int

    def read(self) -> pl.DataFrame:
        """Read these rows and no others."""
        return pl.scan_parquet(self.path).slice(self.start, self.rows).collect()


@dataclass(frozen=True, kw_only=True)
class DaskBackend:
    """Fits with all workers of a cluster; their memory together has to hold the encoded rows."""

    client: Client

    def fit(
        self,
        encoder: TrainingEncoder,
        *,
        train: Path,
        validation: Path,
        params: Mapping[str, float],
        rounds: int,
    ) -> FittedBooster:
        """Fit with early stopping on the validation rows."""
        sent = self._send(encoder)
        binned = self._matrix(sent, [train], way="learned")
        held_out = self._matrix(sent, [validation], way="unseen", ref=binned)
        found = dxgb.train(
            self.client,
            _params(params, encoder=encoder),
            binned,
            rounds,
            evals=[(held_out, VALIDATION)],
            obj=robust_loss,
            early_stopping_rounds=patience(rounds),
            verbose_eval=False,
        )
        return cut_at_best(found["booster"], curve=found["history"][VALIDATION]["mae"])

    def refit(
        self, encoder: TrainingEncoder, *, rows: Sequence[Path], params: Mapping[str, float], rounds: int
    ) -> xgb.Booster:
        """Fit a known number of rounds on the rows of all these files."""
        found = dxgb.train(
            self.client,
            _params(params, encoder=encoder),
            self._matrix(self._send(encoder), rows, way="learned"),
            rounds,
            obj=robust_loss,
        )
        booster: xgb.Booster = found["booster"]
        return booster

    def _send(self, encoder: TrainingEncoder) -> "_Sent":
        """Give every worker the encoder, once."""
        text = self.client.scatter(_as_text(encoder), broadcast=True)
        return _Sent(text=text, columns=len(encoder.encoder.names) + 1)

    def _matrix(
        self,
        sent: "_Sent",
        paths: Sequence[Path],
        *,
        way: PartKind,
        ref: dxgb.DaskQuantileDMatrix | None = None,
    ) -> dxgb.DaskQuantileDMatrix:
        """Let the workers encode the files' rows, each its share: XGBoost wants none to be without."""
        workers = list(self.client.scheduler_info(n_workers=-1)["workers"])
        whole = da.concatenate(
            [
                self._encoded(part, sent, way=way, worker=workers[number % len(workers)])
                for number, part in enumerate(_parts(paths, workers=len(workers)))
            ]
        )
        return dxgb.DaskQuantileDMatrix(
            self.client, whole[:, :-1], whole[:, -1], base_margin=whole[:, -2], ref=ref
        )

    def _encoded(self, part: FilePart, encoder: "_Sent", *, way: PartKind, worker: str) -> da.Array:
        found = self.client.submit(
            _encode, part, encoder.text, way=way, workers=worker, allow_other_workers=True, pure=False
        )
        return da.from_delayed(found, shape=(part.rows, encoder.columns), dtype=np.float32)


@contextmanager
def connect_dask(address: str) -> Iterator[DaskBackend]:
    """Connect to a scheduler such as tcp://scheduler:8786, and wait until it has a worker.

    Raises:
        ClusterUnavailable: nobody answers there, or no worker comes.
    """
    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise ClusterUnavailable(f"No Dask scheduler answers at {address}.") from error
    with client, client.as_current():
        try:
            client.wait_for_workers(1, timeout=CONNECT_S)
        except TimeoutError as error:
            raise ClusterUnavailable(f"The Dask scheduler at {address} has no worker.") from error
        yield DaskBackend(client=client)


@dataclass(frozen=True, kw_only=True)
class _Sent:
    """An encoder that the workers have, and how many columns a row becomes, its log price the last."""

    text: "Future[str]"
    columns: int


def _params(params: Mapping[str, float], *, encoder: TrainingEncoder) -> dict[str, object]:
    return native_params(params, monotone=encoder.encoder.monotone) | dict(LEVEL_BY_LEVEL)


def _parts(paths: Sequence[Path], *, workers: int) -> Iterator[FilePart]:
    """Cut files into parts: none is large, and each file has as many for every worker."""
    for path in paths:
        rows = pl.scan_parquet(path).select(pl.len()).collect().item()
        rounds = ceil(rows / (PART_ROWS * workers))
        each = ceil(rows / (rounds * workers))
        for start in range(0, rows, each):
            yield FilePart(path, start, min(each, rows - start))


def _encode(part: FilePart, text: str, *, way: PartKind) -> Matrix:
    """Encode rows on a worker, the log price after the features."""
    encoder = _from_text(text)
    rows = encoder.learned(part.read()) if way == "learned" else encoder.unseen(part.read())
    return np.column_stack([rows.matrix, rows.log_price.astype(np.float32)])


def _as_text(encoder: TrainingEncoder) -> str:
    """Write as the bundle writes: look-ups remember names in caches, which do not travel."""
    every = (encoder.encoder, *map(FeatureEncoder, encoder.folds))
    return json.dumps({"newest_year": encoder.newest_year, "every": [encoder_to_json(one) for one in every]})


def _from_text(text: str) -> TrainingEncoder:
    read = json.loads(text)
    encoder, *folds = map(encoder_from_json, read["every"])
    return TrainingEncoder(
        encoder=encoder, folds=tuple(fold.features for fold in folds), newest_year=read["newest_year"]
    )
