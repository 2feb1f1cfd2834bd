"""A robust ridge regression over sparse columns: conjugate gradients, rows far off weigh less."""

import numpy as np
import numpy.typing as npt
from scipy import sparse

Floats = npt.NDArray[np.float64]

ROBUST_SCALE = 0.12  # log dollars; a row that is further off weighs less, as the trees' loss has it
REWEIGHTING_ROUNDS = 2  # times
CG_ITERATIONS = 60  # of conjugate gradients at the first solution, half as many for each next one
TOLERANCE = 1e-4


def robust_ridge(
    matrix: sparse.csr_matrix, target: Floats, *, weights: Floats, penalty: Floats
) -> tuple[Floats, Floats]:
    """Give the coefficients and each row's final weight. Shapes (columns,) and (rows,)."""
    turned = matrix.T.tocsr()
    squared = turned.multiply(turned).tocsr()
    found = np.zeros(matrix.shape[1])
    now, steps = weights, CG_ITERATIONS
    for number in range(REWEIGHTING_ROUNDS + 1):
        if number:
            error = target - matrix @ found
            now = weights / np.sqrt(1 + (error / ROBUST_SCALE) ** 2)
            steps = CG_ITERATIONS // 2
        scale = squared @ now + penalty
        found = _descend(
            matrix, turned, target, weights=now, penalty=penalty, scale=scale, start=found, steps=steps
        )
    return found, now


def _descend(
    matrix: sparse.csr_matrix,
    turned: sparse.csr_matrix,
    target: Floats,
    *,
    weights: Floats,
    penalty: Floats,
    scale: Floats,
    start: Floats,
    steps: int,
) -> Floats:
    """Solve (A'WA + P) x = A'Wy by conjugate gradients, each column in its own scale."""
    wanted = turned @ (weights * target)
    found = start.copy()
    left = wanted - turned @ (weights * (matrix @ found)) - penalty * found
    scaled = left / scale
    way, size, enough = scaled, _product(left, scaled), TOLERANCE**2 * _product(wanted, wanted / scale)
    for _ in range(steps):
        if size <= enough:
            break
        slope = turned @ (weights * (matrix @ way)) + penalty * way
        step = size / _product(way, slope)
        found, left = found + step * way, left - step * slope
        scaled = left / scale
        before, size = size, _product(left, scaled)
        way = scaled + (size / before) * way
    return found


def _product(left: Floats, right: Floats) -> float:
    """Multiply and add on one core: the library's threads would wait for each other longer than they work."""
    return float((left * right).sum())
