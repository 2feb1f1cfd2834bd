"""Promotions in a real MLflow: judged, executed, recorded, and killed at each write."""

import multiprocessing
import signal
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from carvalue.journal.decisions import DecisionLog, DecisionRecord
from carvalue.journal.store import Journal
from carvalue.pricing.evaluation.evaluate import MODEL_CARD, evaluate_bundle
from carvalue.pricing.model import PriceModel
from carvalue.registry.gates import GateLimits
from carvalue.registry.gates.judge import judge_version
from carvalue.registry.http_reader import HttpRegistryReader
from carvalue.registry.judgement import GateJudgement, GateResult, PromotionDecision
from carvalue.registry.mlflow.connection import connect_mlflow
from carvalue.registry.mlflow.mirror import DECISION_FILE, HEADING
from carvalue.registry.mlflow.tracking import start_run
from carvalue.registry.mlflow.versions import MlflowVersions
from carvalue.registry.model_version import DIGEST_TAG, MODEL_NAME, ModelVersion
from carvalue.registry.registry import ChampionChanged
from killed import WRITES, promote, promote_and_die
from markets import a_bundle
from mlflow_servers import mlflow_server, versions_in
from released import FACTS

pytestmark = [
    pytest.mark.platform,
    # MLflow's own code and those it imports warn of each other
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.*type hint:UserWarning"),
]

PASSED = PromotionDecision.from_gates(
    [GateResult(name="a gate", figure=0.1, limit=0.2, passed=True, message="10 % (at most 20 %)")]
)


@dataclass(frozen=True)
class Market:
    """A running MLflow, and what a challenger is made of."""

    uri: str
    folder: Path

    def register(self, bundle: Path, name: str) -> ModelVersion:
        run = start_run(uri=self.uri, facts=FACTS, state=self.folder / f"{name}.json")
        evaluation = self.folder / "evaluation"
        return self.store.register(run_id=run.run_id, bundle=bundle, evaluation=evaluation)

    def judge(self, version: ModelVersion) -> GateJudgement:
        files = {name: self.folder / f"{name}.parquet" for name in ("train", "test")}
        limits = GateLimits(level_change=1.0)
        return judge_version(
            version, registry=self.store, scratch=self.folder / "judged", limits=limits, **files
        )

    def promote(self, version: ModelVersion, judgement: GateJudgement) -> PromotionDecision:
        promote(**self.arguments(version, judgement))
        return judgement.decision

    def arguments(self, version: ModelVersion, judgement: GateJudgement) -> dict[str, Any]:
        card = self.folder / "evaluation" / MODEL_CARD
        arguments = {"judgement": judgement, "version": version, "card": card, "by": "pipeline"}
        return {"uri": self.uri, "journal_url": self.journal_url, "arguments": arguments}

    @property
    def store(self) -> MlflowVersions:
        return versions_in(self.uri)

    @property
    def journal_url(self) -> str:
        return f"sqlite:///{self.folder}/journal.db"

    @property
    def decisions(self) -> tuple[DecisionRecord, ...]:
        return DecisionLog(Journal(self.journal_url)).all()


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    folder = tmp_path_factory.mktemp("market")
    files = {name: folder / f"{name}.parquet" for name in ("train", "test")}
    evaluate_bundle(bundle=a_bundle(folder), into=folder / "evaluation", **files)
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as uri:
        yield Market(uri, folder)


def _newer(market: Market, name: str) -> Path:
    """Write the same model as one that has seen another day."""
    model = PriceModel.load(market.folder / "bundle")
    card = replace(model.card, data_as_of=model.card.data_as_of + timedelta(days=1))
    replace(model, card=card).save(market.folder / name / "bundle")
    return market.folder / name / "bundle"


def _standing(market: Market, version: ModelVersion) -> tuple[set[str], str, str]:
    """Alias, stage and status tag of a version."""
    with connect_mlflow(market.uri) as client:
        found = client.get_model_version(MODEL_NAME, str(version.version))
        return set(found.aliases), found.current_stage, found.tags["status"]


def test_a_challenger_is_judged_promoted_and_recorded(market: Market) -> None:
    first = market.register(market.folder / "bundle", "first")
    same = market.register(market.folder / "bundle", "same")
    newer = market.register(_newer(market, "newer"), "newer")

    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        assert market.promote(first, market.judge(first)).promote
        before = _standing(market, first)
        refused = market.promote(same, market.judge(same))
        for _ in range(2):  # twice is the same as once
            decision = market.promote(newer, market.judge(newer))

    assert before == ({"production"}, "Production", "production")
    assert not refused.promote
    assert refused.reasons == (f"the same bundle is in production as version {first.version}",)
    assert decision.promote
    assert _standing(market, first) == ({"previous"}, "Archived", "archived")
    assert _standing(market, same) == (set(), "None", "challenger")
    assert _standing(market, newer) == ({"production"}, "Production", "production")
    assert _live(market) == newer
    assert [(entry.act, entry.version, entry.earlier) for entry in market.decisions] == [
        ("promoted", first.version, None),
        ("refused", same.version, first.version),
        ("promoted", newer.version, first.version),
    ]
    _is_written_down(market, newer)


def _is_written_down(market: Market, version: ModelVersion) -> None:
    gates = [GateResult.from_json(dict(gate)) for gate in market.decisions[-1].gates]
    with connect_mlflow(market.uri) as client:
        said = client.get_model_version(MODEL_NAME, str(version.version)).description
        kept = {file.path for file in client.list_artifacts(version.run_id)}
        card = Path(client.download_artifacts(version.run_id, f"evaluation/{MODEL_CARD}", market.folder))
    text = card.read_text()
    assert len(gates) == 14
    assert all(gate.passed and gate.name in said and gate.message in text for gate in gates)
    assert DECISION_FILE in kept
    assert text.count(HEADING) == 1


def test_of_two_concurrent_promotions_the_later_is_judged_again(market: Market) -> None:
    start, one, two = _versions(market, 3)
    _put_in(market, start)
    judgements = {item: _passed(item, against=start) for item in (one, two)}

    market.promote(one, judgements[one])
    with pytest.raises(ChampionChanged, match=f"judged while version {start.version} was in production"):
        market.promote(two, judgements[two])

    assert _in_production(market) == [one.version]
    assert market.decisions[-1].version == one.version


def test_a_promotion_killed_at_any_write_is_completed_by_a_retry(market: Market) -> None:
    """A process of its own is killed at its first write, at its second one, and so on, until none is left."""
    context = multiprocessing.get_context("forkserver")  # each is a fork of one that has MLflow loaded
    context.set_forkserver_preload(["carvalue.registry.mlflow.versions"])
    deaths = 0
    for at_write in count(1):
        old, new = _versions(market, 2)
        _put_in(market, old)
        given = market.arguments(new, _passed(new, against=old))

        process = context.Process(target=promote_and_die, kwargs={"at_write": at_write, "given": given})
        process.start()
        process.join(timeout=60)

        assert _live(market) in (old, new)
        if process.exitcode == 0:
            break
        deaths += process.exitcode == -signal.SIGKILL
        assert deaths == at_write
        promote(**given)
        _is_complete(market, old=old, new=new)
    assert deaths > len(WRITES)


def _is_complete(market: Market, *, old: ModelVersion, new: ModelVersion) -> None:
    assert _standing(market, old) == ({"previous"}, "Archived", "archived")
    assert _standing(market, new) == ({"production"}, "Production", "production")
    assert _in_production(market) == [new.version]
    noted = [entry for entry in market.decisions if entry.version == new.version]
    assert [(entry.act, entry.earlier) for entry in noted] == [("promoted", old.version)]


def _live(market: Market) -> ModelVersion | None:
    with HttpRegistryReader(market.uri) as registry:
        return registry.champion()


def _versions(market: Market, number: int) -> list[ModelVersion]:
    """Register versions without the bundle: who only switches does not load it."""
    run = start_run(uri=market.uri, facts=FACTS, state=market.folder / "run.json")
    with connect_mlflow(market.uri) as client:
        if not client.search_registered_models(f"name='{MODEL_NAME}'"):
            client.create_registered_model(MODEL_NAME)
        found = [
            client.create_model_version(
                MODEL_NAME, source=f"runs:/{run.run_id}/model", run_id=run.run_id, tags={DIGEST_TAG: "f00d"}
            )
            for _ in range(number)
        ]
        return [
            ModelVersion(
                name=MODEL_NAME,
                version=int(item.version),
                run_id=run.run_id,
                source=item.source,
                bundle_digest="f00d",
            )
            for item in found
        ]


def _put_in(market: Market, version: ModelVersion) -> None:
    market.store.set_champion(version.version)


def _passed(version: ModelVersion, *, against: ModelVersion) -> GateJudgement:
    return GateJudgement(version=version.version, against=against.version, decision=PASSED)


def _in_production(market: Market) -> list[int]:
    with connect_mlflow(market.uri) as client:
        found = client.search_model_versions(f"name='{MODEL_NAME}'")
        return [int(item.version) for item in found if item.current_stage == "Production"]
