"""Robust ridge regression over sparse columns: reweighted least squares by conjugate gradients."""

import numpy as np
import numpy.typing as npt

from carvalue.pricing.additive.fitting.blocks import DesignMatrix

Floats = npt.NDArray[np.float64]

REWEIGHTING_SCALE = 0.12
"""Residual in log dollars beyond which the weight of a row decreases clearly."""
REWEIGHTING_ROUNDS = 2
CG_ITERATIONS = 60  # of the first solution; the reweighted ones start from it and take half as many
TOLERANCE = 1e-4  # of the residual norm, relative to that of the right-hand side


def robust_ridge(design: DesignMatrix, target: Floats, *, weights: Floats) -> tuple[Floats, Floats]:
    """Fit a ridge regression in which rows with large residuals have less weight.

    Iteratively reweighted least squares: the weight of a row with residual r is multiplied by
    `1 / sqrt(1 + (r / scale) ** 2)`, that of the pseudo-Huber loss. Conjugate gradients solve each step, with
    a diagonal (Jacobi) preconditioner.

    Args:
        design: Design matrix of some rows, with positive penalties.
        target: Centred target in log dollars, shape (rows,).
        weights: Initial weights, shape (rows,).

    Returns:
        Coefficients, shape (columns,), and final weights, shape (rows,).

    Examples:
        >>> from scipy import sparse
        >>> from carvalue.pricing.additive.fitting.blocks import ColumnBlock
        >>> ones, same = sparse.identity(1, format="csr"), np.zeros(5, dtype=int)
        >>> column = ColumnBlock(table=ones, index=same, keys=("level",), penalty=1e-6)
        >>> design = DesignMatrix(blocks={"levels": column}, year=same)
        >>> target = np.array([0.1, 0.1, 0.1, 0.1, 5.0])  # the last row is an outlier
        >>> coefficients, weights = robust_ridge(design, target, weights=np.ones(5))
        >>> float(target.mean().round(2)), float(coefficients[0].round(2)), float(weights[4].round(2))
        (1.08, 0.18, 0.03)
    """
    squared, penalty = design.squared(), design.penalty
    coefficients = np.zeros(len(penalty))
    row_weights, iterations = weights, CG_ITERATIONS
    for number in range(REWEIGHTING_ROUNDS + 1):
        if number:
            residuals = target - design.dot(coefficients)
            row_weights = weights / np.sqrt(1 + (residuals / REWEIGHTING_SCALE) ** 2)
            iterations = CG_ITERATIONS // 2
        coefficients = _conjugate_gradients(
            design,
            target,
            weights=row_weights,
            penalty=penalty,
            diagonal=squared.transposed_dot(row_weights) + penalty,
            start=coefficients,
            iterations=iterations,
        )
    return coefficients, row_weights


def _conjugate_gradients(
    design: DesignMatrix,
    target: Floats,
    *,
    weights: Floats,
    penalty: Floats,
    diagonal: Floats,
    start: Floats,
    iterations: int,
) -> Floats:
    """Solve (A'WA + P) x = A'Wy, preconditioned by the diagonal of A'WA + P."""

    def product_of(vector: Floats) -> Floats:
        return design.transposed_dot(weights * design.dot(vector)) + penalty * vector

    right_side = design.transposed_dot(weights * target)
    solution = start.copy()
    residual = right_side - product_of(solution)
    scaled = residual / diagonal
    direction, norm = scaled, _dot(residual, scaled)
    limit = TOLERANCE**2 * _dot(right_side, right_side / diagonal)
    for _ in range(iterations):
        if norm <= limit:
            break
        product = product_of(direction)
        step = norm / _dot(direction, product)
        solution, residual = solution + step * direction, residual - step * product
        scaled = residual / diagonal
        previous, norm = norm, _dot(residual, scaled)
        direction = scaled + (norm / previous) * direction
    return solution


def _dot(left: Floats, right: Floats) -> float:
    """Compute a dot product on one core; BLAS threads would wait for each other longer than they compute."""
    return float((left * right).sum())
