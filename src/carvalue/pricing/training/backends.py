"""Training backends: where the trees are fitted. `distributed` has the backend for a Dask cluster."""

from collections.abc import Sequence
from typing import Protocol

from carvalue.parallel import IN_PROCESS, Workers
from carvalue.pricing.training.boosting import FittedBooster, TreeGrowth, boost, matrices
from carvalue.pricing.training.encoding import TrainingEncoder, TrainingRows


class TrainingBackend(Protocol):
    """Fits gradient-boosted trees on listings in parts."""

    @property
    def workers(self) -> Workers:
        """Where the other work on the parts is done."""
        ...

    def fit(
        self,
        encoder: TrainingEncoder,
        growths: Sequence[TreeGrowth],
        *,
        rows: TrainingRows,
        validation: TrainingRows | None = None,
    ) -> list[FittedBooster]:
        """Fit several boosters on the same rows.

        Args:
            encoder: Encoder that was fitted on the rows to fit on.
            growths: How the trees of each booster grow.
            rows: Rows to fit on.
            validation: Rows for early stopping; None fits all rounds.

        Returns:
            The booster of each growth, cut at its best round.
        """


class LocalBackend:
    """Fits in this process, with all its cores; the encoded rows must fit into memory."""

    @property
    def workers(self) -> Workers:
        """This process."""
        return IN_PROCESS

    def fit(
        self,
        encoder: TrainingEncoder,
        growths: Sequence[TreeGrowth],
        *,
        rows: TrainingRows,
        validation: TrainingRows | None = None,
    ) -> list[FittedBooster]:
        """Fit several boosters on the same rows.

        Args:
            encoder: Encoder that was fitted on the rows to fit on.
            growths: How the trees of each booster grow.
            rows: Rows to fit on.
            validation: Rows for early stopping; None fits all rounds.

        Returns:
            The booster of each growth, cut at its best round.
        """
        binned = matrices(
            train=encoder.encode_out_of_fold(rows.scan().collect()),
            validation=encoder.encode_unseen(validation.scan().collect()) if validation else None,
        )
        return [boost(growth, *binned) for growth in growths]
