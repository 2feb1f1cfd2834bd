"""An alarm starts one retraining; people are notified of retrainings without a new version."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from carvalue.journal.decisions import Act, DecisionRecord
from carvalue.monitoring.watcher.airflow_runs import RETRAINING, AirflowUnavailable, PipelineRun
from carvalue.monitoring.watcher.alert_conditions import AlarmChanges
from carvalue.monitoring.watcher.retraining import RetrainingTrigger
from carvalue.pipelines.definitions import RETRAIN_MODEL

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
QUIET = AlarmChanges(firing=frozenset(), well=frozenset({"drift", "live_accuracy", "coverage"}))
NOTHING_KNOWN = AlarmChanges(firing=frozenset(), well=frozenset())
DRIFT = AlarmChanges(firing=frozenset({"drift"}), well=frozenset())
INACCURATE = AlarmChanges(firing=frozenset({"live_accuracy"}), well=frozenset({"drift"}))


class FakeAirflow:
    """Runs in memory; the newest one last."""

    def __init__(self) -> None:
        self.runs: list[PipelineRun] = []
        self.is_away = self.loses_its_answer = False

    def newest(self, dag: str) -> PipelineRun | None:
        self._answer()
        return self.runs[-1] if self.runs else None

    def start(self, dag: str, *, run: str, note: str) -> None:
        assert dag == RETRAINING
        assert note.startswith("Started by the watcher: ")
        self._answer()
        if run not in [item.name for item in self.runs]:
            self.runs.append(PipelineRun(name=run, state="queued", began_at=None, ended_at=None))
        if self.loses_its_answer:
            raise AirflowUnavailable("The answer was lost.")

    def end(self, state: str, *, at: datetime) -> None:
        name = self.runs[-1].name
        self.runs[-1] = PipelineRun(name=name, state=state, began_at=at - timedelta(minutes=5), ended_at=at)

    def _answer(self) -> None:
        if self.is_away:
            raise AirflowUnavailable("Airflow does not answer.")


class Stage:
    """The guard over a fake Airflow, a clock that is set by hand, and a list of decisions."""

    def __init__(self, folder: Path) -> None:
        self.airflow, self.now, self.folder = FakeAirflow(), NOW, folder
        self.decisions: list[DecisionRecord] = []
        self.restart()

    def restart(self, **changes: Any) -> None:
        chosen = {"on_alarm": True, "cooldown": timedelta(hours=24)} | changes
        self.guard = RetrainingTrigger(
            runs=self.airflow,
            decisions=lambda: self.decisions,
            state=self.folder / "retraining.json",
            clock=lambda: self.now,
            **chosen,
        )

    def later(self, hours: float) -> None:
        self.now += timedelta(hours=hours)

    def decide(self, act: Act, *, by: str = "pipeline", minutes: float = -1) -> None:
        at = self.now + timedelta(minutes=minutes)
        self.decisions.append(
            DecisionRecord(at=at, act=act, version=2, earlier=1, by=by, reasons=("it is worse",))
        )

    @property
    def started(self) -> int:
        return len(self.airflow.runs)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    return Stage(tmp_path)


def test_the_pipeline_that_is_started_exists() -> None:
    assert RETRAIN_MODEL.name == RETRAINING


def test_no_alarm_starts_nothing(stage: Stage) -> None:
    for alarms in (None, QUIET, NOTHING_KNOWN):
        stage.guard.check(alarms)

    assert stage.started == 0
    assert stage.guard.next == ""


@pytest.mark.parametrize("alarms", [DRIFT, INACCURATE])
def test_an_alarm_starts_one_and_only_one(stage: Stage, alarms: AlarmChanges) -> None:
    for _ in range(5):
        stage.guard.check(alarms)

    assert stage.started == 1


def test_a_setting_turns_automatic_retraining_off(stage: Stage) -> None:
    stage.restart(on_alarm=False)
    stage.guard.check(DRIFT)

    assert stage.started == 0
    assert "RETRAIN_ON_ALARM" in stage.guard.next


def test_a_running_manual_retraining_blocks_another(stage: Stage) -> None:
    stage.airflow.start(RETRAINING, run="by-hand", note="Started by the watcher: not really.")
    stage.guard.check(DRIFT)

    assert stage.started == 1


def test_a_manual_retraining_starts_the_cooldown_too(stage: Stage) -> None:
    stage.airflow.start(RETRAINING, run="by-hand", note="Started by the watcher: not really.")
    stage.airflow.end("success", at=stage.now)
    stage.later(23)
    stage.guard.check(DRIFT)
    assert stage.started == 1
    assert "2026-11-02 12:00" in stage.guard.next

    stage.later(2)
    stage.guard.check(DRIFT)
    assert stage.started == 2


def test_an_alarm_that_outlasts_a_retraining_starts_no_other(stage: Stage) -> None:
    stage.guard.check(DRIFT)
    stage.airflow.end("success", at=stage.now)
    stage.later(48)
    stage.guard.check(NOTHING_KNOWN)  # the new version has too few quotes yet: nothing is cured
    stage.guard.check(DRIFT)

    assert stage.started == 1
    assert "outlasted" in stage.guard.next


def test_an_alarm_that_was_cured_and_comes_again_starts_another_after_the_cooldown(stage: Stage) -> None:
    stage.guard.check(DRIFT)
    stage.airflow.end("success", at=stage.now)
    stage.guard.check(QUIET)
    stage.later(12)
    stage.guard.check(DRIFT)
    assert stage.started == 1

    stage.later(13)
    stage.guard.check(DRIFT)
    assert stage.started == 2


def test_another_kind_of_alarm_starts_another_retraining(stage: Stage) -> None:
    stage.guard.check(DRIFT)
    stage.airflow.end("failed", at=stage.now)
    stage.later(25)
    stage.guard.check(AlarmChanges(firing=frozenset({"drift", "coverage"}), well=frozenset()))

    assert stage.started == 2


@pytest.mark.parametrize("alarms", [DRIFT, QUIET])
def test_a_restart_forgets_nothing(stage: Stage, alarms: AlarmChanges) -> None:
    stage.guard.check(DRIFT)
    stage.airflow.end("success", at=stage.now)
    stage.airflow.runs.clear()  # an Airflow with a new database
    stage.restart()
    stage.guard.check(alarms)
    stage.guard.check(DRIFT)

    assert stage.started == 0


def test_the_restored_request_of_another_instance_counts(stage: Stage) -> None:
    stage.guard.check(QUIET)
    other = Stage(stage.folder / "other")
    other.guard.check(DRIFT)
    (stage.folder / "retraining.json").write_bytes((stage.folder / "other" / "retraining.json").read_bytes())
    stage.later(23)

    stage.guard.check(DRIFT)

    assert stage.started == 0


def test_a_lost_response_or_a_kill_starts_no_second_run(stage: Stage) -> None:
    stage.airflow.loses_its_answer = True
    with pytest.raises(AirflowUnavailable):
        stage.guard.check(DRIFT)

    stage.airflow.loses_its_answer = False
    stage.restart()
    stage.guard.check(DRIFT)
    stage.guard.check(DRIFT)
    assert stage.started == 1


def test_a_request_to_an_unavailable_airflow_is_repeated(stage: Stage) -> None:
    stage.airflow.is_away = True
    with pytest.raises(AirflowUnavailable):
        stage.guard.check(DRIFT)

    stage.airflow.is_away = False
    stage.guard.check(DRIFT)
    assert stage.started == 1


def test_a_clock_set_back_blocks_for_one_cooldown_at_most(stage: Stage) -> None:
    stage.guard.check(DRIFT)
    stage.airflow.end("success", at=stage.now)
    stage.later(-24 * 365)
    stage.guard.check(QUIET)
    stage.guard.check(DRIFT)
    assert stage.started == 1

    stage.later(25)
    stage.guard.check(DRIFT)
    assert stage.started == 2


def test_a_clock_set_forward_does_not_restart_an_uncured_alarm(stage: Stage) -> None:
    stage.guard.check(DRIFT)
    stage.airflow.end("success", at=stage.now)
    stage.later(24 * 365 * 50)
    stage.guard.check(DRIFT)

    assert stage.started == 1


def test_with_a_damaged_state_the_newest_run_sets_the_cooldown(stage: Stage) -> None:
    stage.guard.check(DRIFT)
    stage.airflow.end("success", at=stage.now)
    (stage.folder / "retraining.json").write_text("{")
    stage.restart()
    stage.guard.check(DRIFT)

    assert stage.started == 1


def test_a_request_that_cannot_be_stored_is_not_sent(stage: Stage) -> None:
    (stage.folder / "retraining.json").mkdir()  # cannot be written, as on a full disk
    with pytest.raises(OSError, match=r"retraining\.json"):
        stage.guard.check(DRIFT)

    assert stage.started == 0


def titles(stage: Stage, alarms: AlarmChanges) -> list[str]:
    stage.guard.check(alarms)
    return [alert.title for alert in stage.guard.alerts]


def test_a_failed_run_alerts_until_the_next_success(stage: Stage) -> None:
    stage.guard.check(DRIFT)
    stage.airflow.end("failed", at=stage.now)
    assert "Retraining failed" in titles(stage, DRIFT)[0]
    assert titles(stage, QUIET)

    stage.airflow.start(RETRAINING, run="by-hand", note="Started by the watcher: not really.")
    stage.later(1)
    stage.decide("promoted")
    stage.airflow.end("success", at=stage.now)
    assert titles(stage, QUIET) == []
    assert stage.guard.outcome
    assert stage.guard.outcome.result == "promoted"


def test_a_refusal_alerts_with_its_reasons_while_the_alarm_lasts(stage: Stage) -> None:
    stage.guard.check(DRIFT)
    stage.decide("refused")
    stage.airflow.end("success", at=stage.now)

    assert "refused" in titles(stage, DRIFT)[0]
    assert "it is worse" in stage.guard.alerts[0].text
    stage.later(25)
    assert titles(stage, DRIFT)
    assert titles(stage, QUIET) == []


def test_no_new_data_alerts_if_an_alarm_started_the_run(stage: Stage) -> None:
    stage.guard.check(DRIFT)
    stage.airflow.end("success", at=stage.now)

    assert "nothing new" in titles(stage, DRIFT)[0]
    assert titles(stage, QUIET) == []


def test_a_manual_promotion_ends_the_alert(stage: Stage) -> None:
    stage.guard.check(DRIFT)
    stage.airflow.end("failed", at=stage.now)
    assert titles(stage, DRIFT)

    stage.decide("rolled back", by="someone", minutes=1)
    assert titles(stage, DRIFT) == []
