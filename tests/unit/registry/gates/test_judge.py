"""A good challenger passes every gate; each fault is found by its gate."""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from fnmatch import fnmatchcase
from pathlib import Path

import polars as pl
import pytest

from carvalue.files.bundle import BundleCorrupt
from carvalue.pricing.bundle.model_card import ModelCard
from carvalue.pricing.evaluation.evaluate import Champion
from carvalue.pricing.training import refit_model
from carvalue.registry.gates.accuracy import PRODUCTION, REFIT
from carvalue.registry.gates.champion import load_champion
from carvalue.registry.gates.evidence import GateEvidence, GateLimits, gather_evidence
from carvalue.registry.gates.judge import GATES, judge_version, refuse_unusable, run_gates
from carvalue.registry.gates.service import LOADING
from carvalue.registry.judgement import GateJudgement, GateResult, PromotionDecision
from carvalue.registry.model_version import EVALUATED_MODEL, ModelVersion
from fakes import FakeRegistry
from markets import a_bundle

Change = Callable[[GateEvidence], GateEvidence]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> GateEvidence:
    """A challenger with nothing in production before it."""
    folder = tmp_path_factory.mktemp("market")
    bundle = a_bundle(folder)
    return gather_evidence(
        bundle=bundle, train=folder / "train.parquet", test=folder / "test.parquet", champion=None
    )


def _card(evidence: GateEvidence, **changes: object) -> GateEvidence:
    card: ModelCard = replace(evidence.model.card, **changes)
    return replace(evidence, model=replace(evidence.model, card=card))


def _against(evidence: GateEvidence, *, off: float, newer_by: int = 0, **card: object) -> GateEvidence:
    """Add a champion whose every quote is this far off the challenger's: 1.1 is ten percent."""
    champion = _card(evidence, **card).model
    prices = {"production": "quoted", "production_low": "low", "production_high": "high"}
    beside = evidence.quoted.with_columns(
        (pl.col(mine) * off).round().cast(pl.Int64).alias(theirs) for theirs, mine in prices.items()
    )
    newer = _card(evidence, data_as_of=evidence.model.card.data_as_of + timedelta(days=newer_by))
    return replace(newer, quoted=beside, champion=Champion(name="version 1", model=champion))


def _quoted(evidence: GateEvidence, **columns: pl.Expr) -> GateEvidence:
    return replace(evidence, quoted=evidence.quoted.with_columns(**columns))


def _dear_fords() -> pl.Expr:
    return pl.col("quoted") * pl.when(pl.col("manufacturer") == "ford").then(1.5).otherwise(1)


def _refused_by(evidence: GateEvidence) -> set[str]:
    return {gate.name for gate in run_gates(evidence).gates if not gate.passed}


def test_a_good_challenger_passes_every_gate_with_reasons(alone: GateEvidence) -> None:
    decision = run_gates(alone)

    assert decision.promote, decision.reasons
    assert len(decision.gates) == len(GATES)
    assert decision.reasons[0] == f"passed all {len(GATES)} gates"
    assert "beats the baseline" in decision.reasons[1]
    assert decision.reasons[2] == "nothing usable is in production"
    assert PromotionDecision.from_json(decision.as_json()) == decision


REPORTS = {
    "enough data": "trained on {figure:,} rows (at least {limit:,}), tested on 400 (at least 300)",
    "origin of the data": "trained on file, the version in production from file",
    "better than the baseline": "error {figure:.2%} beats the baseline's {limit:.2%}",
    "against production": "error *% against *% of version 1 on 400 rows: *%, with 95% confidence at most "
    "{figure:+.1%}; with newer data up to {limit:+.0%} is allowed",
    "no bad slice": "of * slices of 100 rows and more the worst is *: error {figure:.2%} "
    "(at most {limit:.0%})",
    "coverage of the range": "the range contains {figure:.1%} of asking prices ({limit:.1%} to 97.2%)",
    "fit on all listings": "error {figure:.2%} on the test rows after the fit on all listings, *% before "
    "(at most {limit:.2%})",
    "price level": "no champion and basket to compare with",
    "plausible moves": "no champion and basket to compare with",
    "listed prices": "error *% against *% of version 1 on 400 rows at their listed prices "
    "(at most {limit:+.0%})",
    "invariants": "violates none of 7 invariants: more miles never raise the price, *",
    "size of the bundle": "the bundle is {figure:.1f} MB (at most {limit})",
    "time of a quote": "one listing takes {figure:.2f} ms (at most {limit:g})",
    "loads as the service does": "12 of 12 golden prices came out again, {figure:.1f} s after its bundle "
    "had been fetched (at most {limit:g})",
}


def test_each_gate_reports_its_figure_and_its_limit(alone: GateEvidence) -> None:
    gates = run_gates(_against(alone, off=1.2, newer_by=1)).gates

    reported = {gate.name: gate for gate in gates}
    assert list(reported) == list(REPORTS)
    for name, gate in reported.items():
        assert fnmatchcase(gate.message, REPORTS[name].format(figure=gate.figure, limit=gate.limit)), name


@pytest.mark.parametrize(
    ("name", "fault", "report"),
    [
        (
            "origin of the data",
            lambda found: _card(_against(found, off=1.5, data_source="kaggle"), data_source="sample"),
            "trained on sample, the version in production from kaggle: generated rows against real ones",
        ),
        (
            "origin of the data",
            lambda found: replace(
                _card(found, data_source="sample"), limits=GateLimits(generated=False), champion=None
            ),
            "trained on sample: GENERATED_DATA is refuse",
        ),
        (
            "better than the baseline",
            lambda found: _quoted(found, baseline=pl.col("price")),
            "error {figure:.2%} does not beat the baseline's 0.00%",
        ),
        (
            "against production",
            lambda found: _against(found, off=1.0),
            "*: +0.0%, with 95% confidence at most +0.0%; it must be below 0, which is not certain",
        ),
        (
            "no bad slice",
            lambda found: replace(found, quoted=found.quoted.head(99)),
            "no slice of the test rows has 100 rows: none could be measured",
        ),
        (
            "loads as the service does",
            lambda found: replace(
                found, model=replace(found.model, golden=found.model.golden[:3]), loading_s=5.1
            ),
            "3 of 3 golden prices came out again, 5.1 s after its bundle had been fetched (at most 5)",
        ),
        (
            "loads as the service does",
            lambda found: replace(
                found,
                model=replace(
                    found.model,
                    golden=tuple((car, found.model.golden[-1][1]) for car, _ in found.model.golden),
                ),
            ),
            "1 of 12 golden prices came out again, *",
        ),
    ],
)
def test_a_fault_is_reported_in_words(alone: GateEvidence, name: str, fault: Change, report: str) -> None:
    (gate,) = (gate for gate in run_gates(fault(alone)).gates if gate.name == name)

    assert not gate.passed
    assert fnmatchcase(gate.message, report.format(figure=gate.figure))


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("enough data", lambda found: _card(found, rows={"train": 900})),
        ("enough data", lambda found: replace(found, quoted=found.quoted.head(250))),
        (
            "origin of the data",
            lambda found: _card(_against(found, off=1.5, data_source="kaggle"), data_source="sample"),
        ),
        ("better than the baseline", lambda found: _quoted(found, baseline=pl.col("price"))),
        ("no bad slice", lambda found: _quoted(found, quoted=_dear_fords())),
        ("coverage of the range", lambda found: _quoted(found, high=pl.col("quoted"))),
        ("fit on all listings", lambda found: _quoted(found, refitted=pl.col("quoted") * 1.1)),
        ("coverage of the range", lambda found: _quoted(found, low=pl.lit(0), high=pl.lit(1_000_000))),
        ("loads as the service does", lambda found: replace(found, loading_s=6.0)),
        ("loads as the service does", lambda found: replace(found, model=replace(found.model, golden=()))),
    ],
)
def test_each_fault_is_refused_by_its_gate(alone: GateEvidence, name: str, fault: Change) -> None:
    assert name in _refused_by(fault(alone))


def test_a_range_that_few_rows_calibrated_may_be_farther_off(alone: GateEvidence) -> None:
    few = _card(alone, rows=alone.model.card.rows | {"validation": 100})

    def limit(evidence: GateEvidence) -> float | None:
        (gate,) = (gate for gate in run_gates(evidence).gates if gate.name == "coverage of the range")
        return gate.limit

    # the nominal 90 %, 3 points, and two standard errors on 400 test rows and 400 or 100 validation rows
    assert limit(alone) == pytest.approx(0.87 - 2 * (0.09 / 400 + 0.09 / 400) ** 0.5)
    assert limit(few) == pytest.approx(0.87 - 2 * (0.09 / 400 + 0.09 / 100) ** 0.5)


@pytest.mark.parametrize(("low", "share"), [(2.0, "0.0%"), (0.0, "100.0%")])
def test_a_range_nearer_to_nine_in_ten_than_that_of_production_passes(
    alone: GateEvidence, low: float, share: str
) -> None:
    too_wide = _quoted(_against(alone, off=1.2), low=pl.lit(0), high=pl.lit(1_000_000))
    beside = _quoted(too_wide, production_low=pl.col("price") * low, production_high=pl.col("price") * 3)

    (gate,) = (gate for gate in run_gates(beside).gates if gate.name == "coverage of the range")

    assert gate.passed is (share == "0.0%")  # production's contains no asking price, or all of them
    assert gate.message.endswith(f"that of version 1 {share}")


def test_the_limits_of_a_market_replace_the_usual_ones(alone: GateEvidence) -> None:
    dear = _quoted(alone, quoted=_dear_fords())
    covered = _quoted(alone, low=pl.lit(0), high=pl.lit(1_000_000))

    assert "no bad slice" not in _refused_by(replace(dear, limits=GateLimits(slice_error=1.0)))
    assert "coverage of the range" not in _refused_by(
        replace(covered, limits=GateLimits(coverage_deviation=0.2))
    )


def test_a_version_of_generated_rows_needs_a_setting(alone: GateEvidence) -> None:
    generated = _card(alone, data_source="sample")
    strict = replace(generated, limits=GateLimits(generated=False))

    assert "origin of the data" not in _refused_by(generated)
    assert "origin of the data" in _refused_by(strict)
    assert "origin of the data" not in _refused_by(_card(strict, data_source="kaggle"))


def test_a_bundle_that_is_too_large_is_refused(alone: GateEvidence, tmp_path: Path) -> None:
    with (tmp_path / "model.ubj").open("wb") as file:
        file.truncate(61_000_000)

    assert _refused_by(replace(alone, bundle=tmp_path)) == {"size of the bundle"}


def test_a_slow_model_is_refused(alone: GateEvidence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carvalue.registry.gates.service.QUOTE_MS", 1e-6)

    assert _refused_by(alone) == {"time of a quote"}


@pytest.mark.parametrize(
    ("off", "newer_by", "passes"),
    [
        (1.2, 0, True),  # production is clearly worse
        (1.0, 0, False),  # no better, and nothing new in it: why change
        (1.0, 1, True),  # no better, but of today
        (1.2, 1, True),
    ],
)
def test_a_challenger_is_better_or_newer_and_not_worse(
    alone: GateEvidence, off: float, newer_by: int, *, passes: bool
) -> None:
    assert (PRODUCTION not in _refused_by(_against(alone, off=off, newer_by=newer_by))) == passes


def test_a_slice_is_compared_with_the_same_rows_in_production(alone: GateEvidence) -> None:
    better = _against(alone, off=1.2, newer_by=1)
    errors = pl.when(pl.col("manufacturer") == "ford").then(pl.col("price")).otherwise(pl.col("production"))
    worse_on_fords = _quoted(better, production=errors)

    def bad_slices(evidence: GateEvidence) -> list[str]:
        (gate,) = (gate for gate in run_gates(evidence).gates if gate.name == "no bad slice")
        return re.findall(r"; (\S+ \S+): error", gate.message)

    assert bad_slices(better) == []
    assert bad_slices(worse_on_fords) == ["make ford"]


def test_newer_data_do_not_compensate_a_worse_error(alone: GateEvidence) -> None:
    perfect = _against(alone, off=1.0, newer_by=1)
    perfect = _quoted(perfect, production=(pl.col("price") + pl.col("quoted")) / 2)  # half the error

    decision = run_gates(perfect)

    assert PRODUCTION in {gate.name for gate in decision.gates if not gate.passed}
    assert any("no bad" in gate.name and not gate.passed for gate in decision.gates)
    assert any("in production" in reason for reason in decision.reasons)


def test_only_rows_newer_than_the_champions_data_are_compared_if_there_are_enough(
    alone: GateEvidence,
) -> None:
    as_of = alone.model.card.data_as_of
    older = _against(alone, off=1.2, data_as_of=as_of - timedelta(days=1))
    known = pl.int_range(pl.len()) < 50
    moved = pl.col("posted_at") - pl.when(known).then(timedelta(days=9)).otherwise(timedelta(0))

    compared = {gate.name: gate.message for gate in run_gates(_quoted(older, posted_at=moved)).gates}[
        PRODUCTION
    ]

    assert "on 350 rows" in compared


def test_the_test_rows_are_quoted_by_the_model_that_has_not_seen_them(
    alone: GateEvidence, refitted: Path
) -> None:
    files = {name: alone.bundle.parent / f"{name}.parquet" for name in ("train", "test")}

    evidence = gather_evidence(bundle=refitted, evaluated=alone.bundle, champion=None, **files)

    assert evidence.model.card.rows["test"] == evidence.quoted.height
    assert evidence.quoted["quoted"].equals(alone.quoted["quoted"])
    assert evidence.errors("refitted").median() < evidence.errors().median()  # type: ignore[operator]
    assert run_gates(evidence).promote


@pytest.fixture(scope="module")
def refitted(alone: GateEvidence, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of the challenger after the fit on all listings."""
    folder, into = alone.bundle.parent, tmp_path_factory.mktemp("refitted") / "bundle"
    files = {name: folder / f"{name}.parquet" for name in ("train", "validation", "test")}
    refit_model(evaluated=alone.model, **files, reposts=None, into=into)
    return into


def test_a_refitted_challenger_without_its_evaluated_model_is_refused(
    alone: GateEvidence, refitted: Path, tmp_path: Path
) -> None:
    registry, folder = FakeRegistry(), alone.bundle.parent
    version = registry.challenge(refitted, version=1)

    judgement = judge_version(
        version,
        registry=registry,
        train=folder / "train.parquet",
        test=folder / "test.parquet",
        scratch=tmp_path,
        limits=GateLimits(),
    )

    assert not judgement.decision.promote
    assert [gate.name for gate in judgement.decision.gates] == [REFIT]
    assert "fitted on the test rows" in judgement.decision.reasons[0]


def _judge(registry: FakeRegistry, version: ModelVersion, *, folder: Path, scratch: Path) -> GateJudgement:
    return judge_version(
        version,
        registry=registry,
        train=folder / "train.parquet",
        test=folder / "test.parquet",
        scratch=scratch,
        limits=GateLimits(),
    )


def test_a_challenger_is_downloaded_and_compared_with_production(
    alone: GateEvidence, refitted: Path, tmp_path: Path
) -> None:
    registry, folder = FakeRegistry(), alone.bundle.parent
    registry.promote(alone.bundle, version=1)
    shutil.copytree(alone.bundle, tmp_path / "evaluation" / EVALUATED_MODEL)
    version = registry.register(run_id="run2", bundle=refitted, evaluation=tmp_path / "evaluation")

    judgement = _judge(registry, version, folder=folder, scratch=tmp_path / "scratch")

    assert (judgement.version, judgement.against) == (2, 1)
    assert len(judgement.decision.gates) == len(GATES)
    compared = {gate.name: gate.message for gate in judgement.decision.gates}[PRODUCTION]
    assert "of version 1 on 400 rows: +0.0%" in compared  # the same model was evaluated
    kept = {path.name for path in (tmp_path / "scratch").iterdir()}
    assert kept == {"challenger", "evaluated", "production"}


def test_a_damaged_challenger_is_refused(alone: GateEvidence, tmp_path: Path) -> None:
    registry, damaged = FakeRegistry(), tmp_path / "damaged"
    shutil.copytree(alone.bundle, damaged)
    version = registry.challenge(damaged, version=1)
    (damaged / "model.ubj").write_bytes(b"")

    judgement = _judge(registry, version, folder=alone.bundle.parent, scratch=tmp_path / "scratch")

    (gate,) = judgement.decision.gates
    assert (gate.name, gate.passed, judgement.against) == (LOADING, False, None)
    assert "the price service could not load it" in gate.message


def test_the_version_in_production_and_its_bundle_need_no_judgement(
    alone: GateEvidence, tmp_path: Path
) -> None:
    registry = FakeRegistry()
    production = registry.promote(alone.bundle, version=1)
    same = registry.challenge(alone.bundle, version=2)

    own, other = (
        _judge(registry, version, folder=alone.bundle.parent, scratch=tmp_path)
        for version in (production, same)
    )

    assert (own.version, own.against, own.decision.promote) == (1, 1, True)
    assert own.decision.reasons == ("it is in production already",)
    assert (other.version, other.against, other.decision.promote) == (2, 1, False)
    assert other.decision.reasons == ("the same bundle is in production as version 1",)
    assert registry.downloads == 0


def test_production_is_loaded_with_its_evaluated_model(
    alone: GateEvidence, refitted: Path, tmp_path: Path
) -> None:
    registry = FakeRegistry()
    shutil.copytree(alone.bundle, tmp_path / "evaluation" / EVALUATED_MODEL)
    version = registry.register(run_id="run1", bundle=refitted, evaluation=tmp_path / "evaluation")
    registry.set_champion(version.version)

    champion = load_champion(registry, into=tmp_path / "production")

    assert champion is not None
    assert champion.name == "version 1"
    assert champion.evaluated is not None
    assert champion.evaluated.card == alone.model.card != champion.model.card


def test_a_damaged_evaluated_model_does_not_spoil_the_comparison_with_production(
    alone: GateEvidence, tmp_path: Path
) -> None:
    registry = FakeRegistry()
    version = registry.register(run_id="run1", bundle=alone.bundle, evaluation=tmp_path)
    registry.set_champion(version.version)
    (tmp_path / EVALUATED_MODEL).mkdir()

    champion = load_champion(registry, into=tmp_path / "production")

    assert champion is not None
    assert champion.model.card == alone.model.card
    assert champion.evaluated is None


def test_a_gate_that_raises_is_not_passed(alone: GateEvidence) -> None:
    def broken(evidence: GateEvidence) -> GateResult:
        raise ZeroDivisionError("by zero")

    decision = run_gates(alone, gates=(*GATES, broken))

    assert not decision.promote
    assert decision.reasons == ("could not be run: ZeroDivisionError by zero",)


def test_no_gates_no_promotion(alone: GateEvidence) -> None:
    assert not run_gates(alone, gates=()).promote


def test_a_bundle_that_cannot_be_loaded_is_refused() -> None:
    decision = refuse_unusable(BundleCorrupt("model.ubj is missing."))

    assert not decision.promote
    assert "model.ubj is missing" in decision.reasons[0]
