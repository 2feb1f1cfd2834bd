"""Every alert rule fires when it should and only then, evaluated by promtool."""

import json
import subprocess
from pathlib import Path

import pytest

from carvalue.telemetry.alert_rules import RULES, AlertRule, rule_file

# rule -> (what is amiss, what is well), each as metric -> values over minutes, in promtool's notation
SERIES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "CarvalueServiceDown": ({'up{job="price-service"}': "1x5 0x30"}, {'up{job="price-service"}': "1x40"}),
    "CarvalueServiceErrors": (
        {
            'carvalue_http_requests_total{route="/predict",status="200"}': "0+90x40",
            'carvalue_http_requests_total{route="/predict",status="500"}': "0+10x40",
        },
        {
            'carvalue_http_requests_total{route="/predict",status="200"}': "0+90x40",
            'carvalue_http_requests_total{route="/predict",status="422"}': "0+90x40",
        },
    ),
    "CarvalueServiceSlow": (
        {
            'carvalue_http_request_seconds_bucket{route="/predict",le="0.25"}': "0+50x40",
            'carvalue_http_request_seconds_bucket{route="/predict",le="0.5"}': "0+100x40",
            'carvalue_http_request_seconds_bucket{route="/predict",le="+Inf"}': "0+100x40",
        },
        {
            'carvalue_http_request_seconds_bucket{route="/predict",le="0.25"}': "0+100x40",
            'carvalue_http_request_seconds_bucket{route="/predict",le="+Inf"}': "0+100x40",
        },
    ),
    "CarvalueClientsTurnedAway": (
        {
            'carvalue_http_requests_total{route="/predict",status="200"}': "0+70x40",
            'carvalue_http_requests_total{route="/explain",status="401"}': "0+30x40",
            'carvalue_http_requests_total{route="/readyz",status="200"}': "0+900x40",
        },
        {
            'carvalue_http_requests_total{route="/predict",status="200"}': "0+70x40",
            'carvalue_http_requests_total{route="/explain",status="429"}': "0+5x40",
            'carvalue_http_requests_total{route="other",status="401"}': "0+900x40",
        },
    ),
    "CarvalueJournalDown": ({"carvalue_journal_up": "0x40"}, {"carvalue_journal_up": "1x40"}),
    "CarvalueSpoolDown": ({"carvalue_spool_up": "0x40"}, {"carvalue_spool_up": "1x40"}),
    "CarvalueSpoolFilling": (
        {"carvalue_spool_bytes": "200000000x40", "carvalue_spool_limit_bytes": "268435456x40"},
        {"carvalue_spool_bytes": "200000000x40", "carvalue_spool_limit_bytes": "536870912x40"},
    ),
    "CarvalueQuotesDropped": (
        {'carvalue_journal_dropped_total{instance="a",reason="disk"}': "0x20 5x20"},
        {'carvalue_journal_dropped_total{instance="a",reason="disk"}': "5x40"},
    ),
    "CarvalueRecordsQuarantined": (
        {"carvalue_quarantined_records": "2x40"},
        {"carvalue_quarantined_records": "0x40"},
    ),
    "CarvalueModelStale": (
        {"carvalue_watched_model_version": "2x40", "carvalue_model_version": "1x40"},
        {"carvalue_watched_model_version": "2x40", "carvalue_model_version": "2x40"},
    ),
    "CarvalueModelOld": (
        {
            "carvalue_model_trained_timestamp_seconds": "1x40",
            "carvalue_model_old_after_seconds": "600x40",
        },
        {
            "carvalue_model_trained_timestamp_seconds": "1x40",
            "carvalue_model_old_after_seconds": "7776000x40",
        },
    ),
    "CarvalueModelMissing": ({"carvalue_model_version": "0x40"}, {"carvalue_model_version": "3x40"}),
    "CarvalueModelRefused": (
        {'carvalue_model_refusals_total{reason="BundleCorrupt"}': "0x20 1x20"},
        {'carvalue_model_refusals_total{reason="BundleCorrupt"}': "1x40"},
    ),
    "CarvalueRegistryDown": ({"carvalue_registry_up": "0x40"}, {"carvalue_registry_up": "1x40"}),
    "CarvalueWatcherDown": ({'up{job="watcher"}': "0x40"}, {'up{job="watcher"}': "1x40"}),
    "CarvalueWatcherStuck": ({"carvalue_watcher_up": "0x40"}, {"carvalue_watcher_up": "1x40"}),
    "CarvalueAlertsUndelivered": (
        {'carvalue_alert_deliveries_waiting{sink="mail"}': "2x40"},
        {'carvalue_alert_deliveries_waiting{sink="mail"}': "0x40"},
    ),
    "CarvaluePipelineFailed": (
        {'carvalue_pipeline_last_run_success{dag="initial_model_dag"}': "0x40"},
        {'carvalue_pipeline_last_run_success{dag="initial_model_dag"}': "1x40"},
    ),
    "CarvalueAirflowDown": ({"carvalue_airflow_up": "0x40"}, {"carvalue_airflow_up": "1x40"}),
    "CarvalueAirflowPartDown": (
        {'carvalue_airflow_part_up{part="scheduler"}': "0x40"},
        {'carvalue_airflow_part_up{part="scheduler"}': "1x40"},
    ),
    "CarvaluePageDown": ({'up{job="page"}': "1x5 0x30"}, {'up{job="page"}': "1x40"}),
    "CarvalueDriftConfirmed": ({"carvalue_drift_state": "2x40"}, {"carvalue_drift_state": "1x40"}),
    "CarvalueLiveErrorHigh": (
        {'carvalue_alerts_firing{kind="live_accuracy"}': "1x40"},
        {'carvalue_alerts_firing{kind="live_accuracy"}': "0x40"},
    ),
    "CarvalueCoverageLow": (
        {'carvalue_alerts_firing{kind="coverage"}': "1x40"},
        {'carvalue_alerts_firing{kind="coverage"}': "0x40"},
    ),
    "CarvalueRetrainingFruitless": (
        {'carvalue_alerts_firing{kind="retraining"}': "1x40"},
        {'carvalue_alerts_firing{kind="retraining"}': "0x40"},
    ),
}
# rule -> cases of two instances, each with whether the rule must fire
TWO_INSTANCES: dict[str, list[tuple[bool, dict[str, str]]]] = {
    "CarvalueModelStale": [
        (
            fires,
            {
                'carvalue_watched_model_version{instance="watcher"}': "2x40",
                'carvalue_model_version{instance="a"}': f"{first}x40",
                'carvalue_model_version{instance="b"}': f"{second}x40",
            },
        )
        for first, second, fires in ((2, 1, True), (1, 2, True), (3, 2, True), (2, 2, False))
    ],
    "CarvalueSpoolFilling": [
        (
            fires,
            {
                'carvalue_spool_bytes{instance="a"}': f"{waiting}x40",
                'carvalue_spool_limit_bytes{instance="a"}': "64000000x40",
                'carvalue_spool_bytes{instance="b"}': "40000000x40",
                'carvalue_spool_limit_bytes{instance="b"}': "256000000x40",
            },
        )
        for waiting, fires in ((60_000_000, True), (30_000_000, False))
    ],
}
AT = "25m"


def test_every_rule_has_a_test_case() -> None:
    assert list(SERIES) == [rule.name for rule in RULES]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_fires_only_in_its_firing_cases(rule: AlertRule, promtool: str, tmp_path: Path) -> None:
    amiss, well = SERIES[rule.name]
    assert _fires(promtool, tmp_path, rule.name, amiss)
    assert not _fires(promtool, tmp_path, rule.name, well)


@pytest.mark.parametrize(
    ("name", "fires", "series"),
    [(name, *case) for name, cases in TWO_INSTANCES.items() for case in cases],
)
def test_each_of_two_instances_counts(
    promtool: str, tmp_path: Path, *, name: str, fires: bool, series: dict[str, str]
) -> None:
    assert _fires(promtool, tmp_path, name, series) == fires


def _fires(promtool: str, folder: Path, name: str, series: dict[str, str]) -> bool:
    """Ask promtool whether it fires, by expecting that it does not."""
    (folder / "rules.yml").write_text(json.dumps(rule_file()))
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [{"eval_time": AT, "alertname": name, "exp_alerts": []}],
    }
    (folder / "test.yml").write_text(json.dumps({"rule_files": ["rules.yml"], "tests": [test]}))
    checked = subprocess.run(
        [promtool, "test", "rules", "test.yml"], cwd=folder, capture_output=True, text=True, timeout=60
    )
    output = checked.stdout + checked.stderr
    assert checked.returncode == 0 or f"alertname: {name}" in output, output
    return checked.returncode != 0
