"""In a real Airflow, `promote` waits for approval: a rejection refuses the version, an approval promotes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from carvalue.journal.decisions import DecisionLog
from carvalue.journal.store import Journal

pytestmark = pytest.mark.platform

# a pipeline of one step, whose working files are as `judge` leaves them
DAG_FILE = """
from dataclasses import replace
from carvalue.pipelines import definitions
from carvalue.pipelines.airflow import as_dag

short = replace(definitions.INITIAL_MODEL, steps=definitions.INITIAL_MODEL.steps[-1:], awaits=None)
definitions.PIPELINES[short.name] = short
dag = as_dag(short)
"""
TABLES = "from airflow.utils.db import initdb; initdb()"
JUDGED = """
from pathlib import Path
from carvalue.pipelines.promotion_steps import JUDGEMENT_FILE
from carvalue.pipelines.steps import VERSION_FILE, work_folder
from carvalue.registry.mlflow.connection import connect_mlflow
from carvalue.registry.judgement import GateJudgement, GateResult, PromotionDecision
from carvalue.registry.model_version import DIGEST_TAG, MODEL_NAME, ModelVersion
from carvalue.settings import load_settings

settings = load_settings()
with connect_mlflow(settings.mlflow_tracking_uri) as client:
    client.create_registered_model(MODEL_NAME)
    run = client.create_run(client.create_experiment("e")).info.run_id
    tags = {DIGEST_TAG: "f00d"}
    made = client.create_model_version(MODEL_NAME, source=f"runs:/{run}/model", run_id=run, tags=tags)
work = work_folder(settings, "initial_model_dag").read()
work.mkdir(parents=True)
version = ModelVersion(name=MODEL_NAME, version=1, run_id=run, source=made.source, bundle_digest="f00d")
version.save(work / VERSION_FILE)
gate = GateResult(name="speed", figure=1.0, limit=5.0, passed=True, message="1 ms (at most 5)")
passed = PromotionDecision.from_gates([gate])
GateJudgement(version=1, against=None, decision=passed).save(work / JUDGEMENT_FILE)
(work / "evaluation").mkdir()
(work / "evaluation" / "MODEL_CARD.md").write_text("# Card")
"""
ASKED = """
import json, threading, time
from airflow.dag_processing.dagbag import DagBag
from airflow.api_fastapi.app import create_app
from fastapi.testclient import TestClient

def answer(api, choice, asked):
    while True:
        waiting = {"response_received": False}
        found = api.get("/api/v2/dags/~/dagRuns/~/hitlDetails", params=waiting).json()["hitl_details"]
        if found:
            task = found[0]["task_instance"]
            run = f"/api/v2/dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}"
            path = f"{run}/taskInstances/{task['task_id']}/-1/hitlDetails"
            api.patch(path, json={"chosen_options": [choice]}).raise_for_status()
            asked.append({name: found[0][name] for name in ("subject", "body")})
            return
        time.sleep(0.2)

dag, ended = DagBag("dags").dags["initial_model_dag"], []
with TestClient(create_app(apps="core")) as api:
    for choice in ("Reject", "Approve"):
        asked = []
        thread = threading.Thread(target=answer, args=(api, choice, asked), daemon=True)
        thread.start()
        run = dag.test()
        thread.join(timeout=10)
        states = {task.task_id: task.state for task in run.get_task_instances()}
        ended.append({"asked": asked, "run": run.state, "tasks": states})
print(json.dumps(ended))
"""


def run(code: str, home: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ
        | {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "STATE_DIR": str(home / "var"),
            "MLFLOW_TRACKING_URI": f"sqlite:///{home}/mlflow.db",
            "PROMOTION_APPROVAL": "required",
        },
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert not done.returncode, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_a_version_that_passed_is_promoted_only_after_approval(tmp_path: Path) -> None:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "initial_model_dag.py").write_text(DAG_FILE)

    ended = json.loads(run(TABLES + JUDGED + ASKED, tmp_path).splitlines()[-1])

    for end in ended:
        assert end["run"] == "success"
        assert end["tasks"] == {"approve_promote": "success", "promote": "success"}
        assert end["asked"][0]["subject"] == "Version 1 into production?"
        assert "| speed | passed | 1 ms (at most 5) |" in end["asked"][0]["body"]
    no, yes = DecisionLog(Journal(f"sqlite:///{tmp_path}/var/service/journal.db")).all()
    assert (no.act, no.version, no.reasons[0].split(" by ")[0]) == ("refused", 1, "rejected")
    assert (yes.act, yes.version, yes.reasons[0].split(" by ")[0]) == ("promoted", 1, "approved")
