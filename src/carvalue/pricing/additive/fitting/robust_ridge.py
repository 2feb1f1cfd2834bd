"""Robust ridge regression over sparse columns: reweighted least squares by conjugate gradients."""

import numpy as np
import numpy.typing as npt
from scipy import sparse

Floats = npt.NDArray[np.float64]

REWEIGHTING_SCALE = 0.12
"""Residual in log dollars beyond which the weight of a row decreases clearly."""
REWEIGHTING_ROUNDS = 2
CG_ITERATIONS = 60  # of the first solution; the reweighted ones start from it and take half as many
TOLERANCE = 1e-4  # of the residual norm, relative to that of the right-hand side


def robust_ridge(
    matrix: sparse.csr_matrix, target: Floats, *, weights: Floats, penalty: Floats
) -> tuple[Floats, Floats]:
    """Fit a ridge regression in which rows with large residuals have less weight.

    Iteratively reweighted least squares: the weight of a row with residual r is multiplied by
    `1 / sqrt(1 + (r / scale) ** 2)`, that of the pseudo-Huber loss. Conjugate gradients solve each step, with
    a diagonal (Jacobi) preconditioner.

    Args:
        matrix: Design matrix, shape (rows, columns).
        target: Centred target in log dollars, shape (rows,).
        weights: Initial weights, shape (rows,).
        penalty: L2 penalty of each column, shape (columns,), positive.

    Returns:
        Coefficients, shape (columns,), and final weights, shape (rows,).

    Examples:
        >>> matrix = sparse.csr_matrix(np.ones((5, 1)))
        >>> target = np.array([0.1, 0.1, 0.1, 0.1, 5.0])  # the last row is an outlier
        >>> coefficients, weights = robust_ridge(matrix, target, weights=np.ones(5), penalty=np.array([1e-6]))
        >>> float(target.mean().round(2)), float(coefficients[0].round(2)), float(weights[4].round(2))
        (1.08, 0.18, 0.03)
    """
    transposed = matrix.T.tocsr()
    squared = transposed.multiply(transposed).tocsr()
    coefficients = np.zeros(matrix.shape[1])
    row_weights, iterations = weights, CG_ITERATIONS
    for number in range(REWEIGHTING_ROUNDS + 1):
        if number:
            residuals = target - matrix @ coefficients
            row_weights = weights / np.sqrt(1 + (residuals / REWEIGHTING_SCALE) ** 2)
            iterations = CG_ITERATIONS // 2
        coefficients = _conjugate_gradients(
            matrix,
            transposed,
            target,
            weights=row_weights,
            penalty=penalty,
            diagonal=squared @ row_weights + penalty,
            start=coefficients,
            iterations=iterations,
        )
    return coefficients, row_weights


def _conjugate_gradients(
    matrix: sparse.csr_matrix,
    transposed: sparse.csr_matrix,
    target: Floats,
    *,
    weights: Floats,
    penalty: Floats,
    diagonal: Floats,
    start: Floats,
    iterations: int,
) -> Floats:
    """Solve (A'WA + P) x = A'Wy, preconditioned by the diagonal of A'WA + P."""
    right_side = transposed @ (weights * target)
    solution = start.copy()
    residual = right_side - transposed @ (weights * (matrix @ solution)) - penalty * solution
    scaled = residual / diagonal
    direction, norm = scaled, _dot(residual, scaled)
    limit = TOLERANCE**2 * _dot(right_side, right_side / diagonal)
    for _ in range(iterations):
        if norm <= limit:
            break
        product = transposed @ (weights * (matrix @ direction)) + penalty * direction
        step = norm / _dot(direction, product)
        solution, residual = solution + step * direction, residual - step * product
        scaled = residual / diagonal
        previous, norm = norm, _dot(residual, scaled)
        direction = scaled + (norm / previous) * direction
    return solution


def _dot(left: Floats, right: Floats) -> float:
    """Compute a dot product on one core; BLAS threads would wait for each other longer than they compute."""
    return float((left * right).sum())
