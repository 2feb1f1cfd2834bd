"""Gates on whether a challenger can be served: invariants, bundle size, latency and loading."""

from collections.abc import Sequence
from statistics import median
from time import perf_counter

from carvalue.pricing.evaluation import InvariantResult, check_invariants, violations
from carvalue.registry.gates.evidence import GateEvidence
from carvalue.registry.judgement import GateResult

LOADING = "loads as the service does"
BUNDLE_MB = 60  # what a service fetches at each promotion, and a machine keeps twice
LOADING_S = 5.0  # of the 10 s in which a promotion is to be in use; a busy machine included
QUOTE_MS = 5.0  # the present model takes a fifth of one; the service quotes on its event loop
ROUNDS = 20  # over the golden listings; the median of so many is not moved by a busy machine's pauses


def invariants(evidence: GateEvidence) -> GateResult:
    """Require every invariant of `carvalue.pricing.evaluation`.

    Args:
        evidence: What the gates look at.

    Returns:
        The number of violated invariants.
    """
    checks = check_invariants(evidence.model, evidence.quoted)
    broken = violations(checks)
    return GateResult(
        name="invariants",
        figure=len(broken),
        limit=0,
        passed=not broken,
        message="; ".join(broken) or _kept(checks),
    )


def _kept(checks: Sequence[InvariantResult]) -> str:
    checked = [check.name for check in checks if not check.not_applicable]
    skipped = [f"{check.name} ({check.not_applicable})" for check in checks if check.not_applicable]
    text = f"violates none of {len(checked)} invariants: {', '.join(checked)}"
    return f"{text}; not applicable: {', '.join(skipped)}" if skipped else text


def size(evidence: GateEvidence) -> GateResult:
    """Require a bundle that is small enough to download quickly.

    Args:
        evidence: What the gates look at.

    Returns:
        The size of the bundle in megabytes.
    """
    megabytes = sum(path.stat().st_size for path in evidence.bundle.iterdir()) / 1e6
    return GateResult(
        name="size of the bundle",
        figure=megabytes,
        limit=BUNDLE_MB,
        passed=megabytes <= BUNDLE_MB,
        message=f"the bundle is {megabytes:.1f} MB (at most {BUNDLE_MB})",
    )


def speed(evidence: GateEvidence) -> GateResult:
    """Require that a single quote is fast.

    Args:
        evidence: What the gates look at.

    Returns:
        The median time of one quote in milliseconds.
    """
    milliseconds = 1_000 * median(_times(evidence))
    return GateResult(
        name="time of a quote",
        figure=milliseconds,
        limit=QUOTE_MS,
        passed=milliseconds <= QUOTE_MS,
        message=f"one listing takes {milliseconds:.2f} ms (at most {QUOTE_MS:g})",
    )


def loading(evidence: GateEvidence) -> GateResult:
    """Require that the bundle loads in time and reproduces its golden quotes.

    Args:
        evidence: What the gates look at.

    Returns:
        The time to load in seconds.
    """
    golden = evidence.model.golden
    wrong = [listing for listing, expected in golden if evidence.model.quote(listing) != expected]
    in_time = evidence.loading_s <= LOADING_S
    return GateResult(
        name=LOADING,
        figure=evidence.loading_s,
        limit=LOADING_S,
        passed=bool(golden) and not wrong and in_time,
        message=f"{len(golden) - len(wrong)} of {len(golden)} golden prices came out again, "
        f"{evidence.loading_s:.1f} s after its bundle had been fetched (at most {LOADING_S:g})",
    )


def _times(evidence: GateEvidence) -> list[float]:
    times = []
    for _ in range(ROUNDS):
        for listing, _ in evidence.model.golden:
            began = perf_counter()
            evidence.model.quote(listing)
            times.append(perf_counter() - began)
    return times
