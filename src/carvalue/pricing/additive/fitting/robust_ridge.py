"""Robust ridge regression over sparse columns: reweighted least squares by conjugate gradients.

Several fits of the same columns, which differ in the weights of the rows, are solved side by side, so that
each iteration reads the rows once. Everything that is computed from rows is a sum over parts of them.
"""

import logging
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from carvalue.pricing.additive.fitting.parts import DesignParts, FitRows

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]

REWEIGHTING_SCALE = 0.12
"""Residual in log dollars beyond which the weight of a row decreases clearly."""
REWEIGHTING_ROUNDS = 2
CG_ITERATIONS = 60  # of the first solution; the reweighted ones start from it and take half as many
TOLERANCE = 1e-4  # of the residual norm, relative to that of the right-hand side


@dataclass(frozen=True, kw_only=True)
class RidgeFits:
    """Solutions of several fits.

    Attributes:
        coefficients: Shape (columns, fits).
        mean_target: Weighted mean of the target, which was subtracted from it, in log dollars, shape (fits,).
        parts: The rows with their final weights.
    """

    coefficients: Floats
    mean_target: Floats
    parts: DesignParts


def robust_ridge(parts: DesignParts, *, penalty: Floats) -> RidgeFits:
    """Fit ridge regressions in which rows with large residuals have less weight.

    Iteratively reweighted least squares: the weight of a row with residual r is multiplied by
    `1 / sqrt(1 + (r / scale) ** 2)`, that of the pseudo-Huber loss. Conjugate gradients solve each step, with
    a diagonal (Jacobi) preconditioner.

    Args:
        parts: The rows.
        penalty: Ridge penalty of each column, positive, shape (columns,).

    Returns:
        The solutions.

    Examples:
        >>> from scipy import sparse
        >>> from carvalue.pricing.additive.fitting.blocks import ColumnBlock, DesignMatrix
        >>> from carvalue.pricing.additive.fitting.parts import DesignParts
        >>> column = ColumnBlock(table=sparse.identity(1, format="csr"), index=np.zeros(5, dtype=int))
        >>> design = DesignMatrix.join([column], year=np.zeros(5, dtype=int))
        >>> target = np.array([0.1, 0.1, 0.1, 0.1, 5.0])  # the last row is an outlier
        >>> weights = np.ones((5, 1))
        >>> rows = FitRows(design=design, target=target, row_weights=weights, weights=weights)
        >>> fits = robust_ridge(DesignParts(parts=[rows]), penalty=np.array([1e-6]))
        >>> float(target.mean().round(2)), float((fits.coefficients[0, 0] + fits.mean_target[0]).round(2))
        (1.08, 0.18)
    """
    weight_sum, target_sum = parts.sum(target_sums)
    mean, penalty = target_sum / weight_sum, penalty[:, np.newaxis]
    coefficients, iterations = np.zeros((len(penalty), len(mean))), CG_ITERATIONS
    for number in range(REWEIGHTING_ROUNDS + 1):
        if number:
            parts = parts.reweighted(_reweight, coefficients=coefficients, mean=mean)
            iterations = CG_ITERATIONS // 2
        coefficients = _conjugate_gradients(
            parts,
            right_side=parts.sum(_right_side, mean=mean),
            penalty=penalty,
            diagonal=parts.sum(_diagonal) + penalty,
            start=coefficients,
            iterations=iterations,
        )
        logger.info("additive model solved", extra={"round": number + 1, "of": REWEIGHTING_ROUNDS + 1})
    return RidgeFits(coefficients=coefficients, mean_target=mean, parts=parts)


def _conjugate_gradients(
    parts: DesignParts,
    *,
    right_side: Floats,
    penalty: Floats,
    diagonal: Floats,
    start: Floats,
    iterations: int,
) -> Floats:
    """Solve (A'WA + P) x = A'Wy for each fit, preconditioned by the diagonal of A'WA + P.

    A fit that has converged is left as it is, while the others go on.
    """
    solution = start.copy()
    residual = right_side - _product_of(parts, solution, penalty)
    scaled = residual / diagonal
    direction, norm = scaled, _dot(residual, scaled)
    limit = TOLERANCE**2 * _dot(right_side, right_side / diagonal)
    for _ in range(iterations):
        unsolved = norm > limit
        if not unsolved.any():
            break
        product = _product_of(parts, direction, penalty)
        step = _ratio(norm, _dot(direction, product), where=unsolved)
        solution, residual = solution + step * direction, residual - step * product
        scaled = residual / diagonal
        previous, norm = norm, _dot(residual, scaled)
        direction = scaled + _ratio(norm, previous, where=unsolved) * direction
    return solution


def _product_of(parts: DesignParts, vectors: Floats, penalty: Floats) -> Floats:
    return parts.sum(_product, vectors=vectors) + penalty * vectors


def target_sums(part: FitRows) -> Floats:
    """Sum the weights and the weighted targets.

    Args:
        part: Rows.

    Returns:
        Both sums of each fit, shape (2, fits).
    """
    return np.stack([part.weights.sum(axis=0), part.target @ part.weights])


def _right_side(part: FitRows, *, mean: Floats) -> Floats:
    return part.design.transposed_dot(part.weights * (part.target[:, np.newaxis] - mean))


def _diagonal(part: FitRows) -> Floats:
    return part.design.squared().transposed_dot(part.weights)


def _product(part: FitRows, *, vectors: Floats) -> Floats:
    return part.design.transposed_dot(part.weights * part.design.dot(vectors))


def _reweight(part: FitRows, *, coefficients: Floats, mean: Floats) -> Floats:
    residuals = part.target[:, np.newaxis] - mean - part.design.dot(coefficients)
    weights: Floats = part.row_weights / np.sqrt(1 + (residuals / REWEIGHTING_SCALE) ** 2)
    return weights


def _ratio(numerator: Floats, denominator: Floats, *, where: npt.NDArray[np.bool_]) -> Floats:
    """Divide; 0 elsewhere, so that a solved fit takes no further step."""
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=where)


def _dot(left: Floats, right: Floats) -> Floats:
    """Compute the dot product of each fit, shape (fits,), without the threads of BLAS, which cost more."""
    products: Floats = (left * right).sum(axis=0)
    return products
