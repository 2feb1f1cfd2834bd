"""The gates on how far one promotion may move prices."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from carvalue.pricing.evaluation.evaluate import Champion
from carvalue.registry.gates.evidence import BASKET_CARS, GateEvidence, gather_evidence
from carvalue.registry.gates.judge import run_gates
from carvalue.registry.gates.plausibility import listed_prices, plausible_moves, price_level
from markets import a_bundle


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> GateEvidence:
    """A challenger that quotes as the champion does."""
    folder = tmp_path_factory.mktemp("market")
    paths = {"bundle": a_bundle(folder), "train": folder / "train.parquet", "test": folder / "test.parquet"}
    alone = gather_evidence(**paths, champion=None)
    return gather_evidence(**paths, champion=Champion(name="version 1", model=alone.model))


def moved(evidence: GateEvidence, factor: pl.Expr | float) -> GateEvidence:
    challenger = (pl.col("challenger") * factor).round().cast(pl.Int64)
    return replace(evidence, basket=evidence.basket.with_columns(challenger=challenger))


def test_the_basket_holds_the_same_cars_each_time(evidence: GateEvidence) -> None:
    assert evidence.basket.height == BASKET_CARS
    assert evidence.basket["challenger"].equals(evidence.basket["champion"])


@pytest.mark.parametrize(
    ("factor", "needs_approval"), [(1.0, False), (1.08, False), (0.92, False), (1.12, True), (0.34, True)]
)
def test_a_large_move_of_the_level_needs_approval(
    evidence: GateEvidence, factor: float, *, needs_approval: bool
) -> None:
    gate = price_level(moved(evidence, factor))

    assert (gate.passed, gate.needs_approval) == (True, needs_approval)
    assert gate.figure == pytest.approx(factor - 1, abs=0.01)


def test_the_decision_asks_for_approval(evidence: GateEvidence) -> None:
    decision = run_gates(moved(evidence, 1.5), gates=(price_level,))

    assert decision.promote
    assert decision.needs_approval
    assert "a person must approve" in decision.gates[0].message


def test_few_cars_that_move_far_are_refused(evidence: GateEvidence) -> None:
    far = pl.when(pl.int_range(pl.len()) % 10 == 0).then(0.4).otherwise(1.0)

    assert plausible_moves(evidence).passed
    assert plausible_moves(moved(evidence, 0.4)).passed  # all of them: that is the level
    assert not plausible_moves(moved(evidence, far)).passed


def test_moves_are_reported_with_their_limits(evidence: GateEvidence) -> None:
    few = pl.when(pl.int_range(pl.len()) < 4).then(2.0).otherwise(1.0)  # 2 % of 200 cars
    level, moves = price_level(moved(evidence, 1.5)), plausible_moves(moved(evidence, few))

    assert (level.name, level.limit) == ("price level", 0.1)
    assert level.message == (
        f"the basket of 200 cars moves by {level.figure:+.1%} at the median (at most 10%): "
        "a person must approve"
    )
    assert (moves.name, moves.figure, moves.limit, moves.passed) == ("plausible moves", 0.02, 0.02, True)
    assert moves.message == ("2.0% of the basket's cars move by more than 70% besides the level (at most 2%)")


def test_a_small_basket_is_not_compared(evidence: GateEvidence) -> None:
    def level(cars: int) -> float | None:
        return price_level(replace(evidence, basket=evidence.basket.head(cars))).figure

    assert (level(49), level(50)) == (None, 0.0)


def test_few_rows_at_their_listed_prices_are_too_few(evidence: GateEvidence) -> None:
    def passes(rows: int) -> bool:
        listed = pl.when(pl.int_range(pl.len()) < rows).then(pl.col("price")).otherwise(0)
        return listed_prices(
            replace(evidence, quoted=evidence.quoted.with_columns(listed_price=listed))
        ).passed

    assert (passes(149), passes(150)) == (False, True)


def test_adjusted_prices_cannot_hide_a_worse_model(evidence: GateEvidence) -> None:
    poisoned = evidence.quoted.with_columns(quoted=(pl.col("quoted") * 0.34).round().cast(pl.Int64))

    gate = listed_prices(replace(evidence, quoted=poisoned))

    assert listed_prices(evidence).passed
    assert not gate.passed


def test_without_rows_at_their_listed_prices_nothing_is_promoted(evidence: GateEvidence) -> None:
    adjusted = evidence.quoted.with_columns(listed_price=pl.col("price") + 1)

    gate = listed_prices(replace(evidence, quoted=adjusted))

    assert not gate.passed
    assert "only 0 test rows" in gate.message


def test_the_first_model_has_nothing_to_be_compared_with(tmp_path: Path, evidence: GateEvidence) -> None:
    alone = replace(evidence, champion=None, basket=evidence.basket.clear())

    assert all(gate(alone).passed for gate in (price_level, plausible_moves, listed_prices))
