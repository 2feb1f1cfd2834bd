"""Every alert rule fires when it should and only then, evaluated by promtool."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from carvalue.telemetry.alert_rules import RULES, AlertRule, rule_file

NEEDED = (
    "carvalue_model_version",
    "carvalue_journal_up",
    "carvalue_outbox_limit_bytes",
    "carvalue_registry_up",
    "carvalue_disk_free_bytes",
    "carvalue_watcher_last_check_timestamp_seconds",
    "carvalue_airflow_up",
    'carvalue_airflow_part_up{part="scheduler"}',
)
# rule -> (what is amiss, what is well), each as metric -> values over minutes, in promtool's notation
SERIES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "CarvalueServiceDown": ({'up{job="price-service"}': "1x5 0x30"}, {'up{job="price-service"}': "1x40"}),
    "CarvalueErrorBudgetBurningFast": (
        {
            'carvalue_http_requests_total{route="/predict",status="200"}': "0+90x40",
            'carvalue_http_requests_total{route="/predict",status="500"}': "0+10x40",
        },
        {
            'carvalue_http_requests_total{route="/predict",status="200"}': "0+90x40",
            'carvalue_http_requests_total{route="/predict",status="422"}': "0+90x40",
        },
    ),
    "CarvalueErrorBudgetBurningSlowly": (
        {
            'carvalue_http_requests_total{route="/predict",status="200"}': "0+996x300",
            'carvalue_http_requests_total{route="/predict",status="500"}': "0+4x300",
        },
        {
            'carvalue_http_requests_total{route="/predict",status="200"}': "0+9995x300",
            'carvalue_http_requests_total{route="/predict",status="500"}': "0+5x300",
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
    "CarvalueOutboxDown": ({"carvalue_outbox_up": "0x40"}, {"carvalue_outbox_up": "1x40"}),
    "CarvalueOutboxFilling": (
        {"carvalue_outbox_bytes": "200000000x40", "carvalue_outbox_limit_bytes": "268435456x40"},
        {"carvalue_outbox_bytes": "200000000x40", "carvalue_outbox_limit_bytes": "536870912x40"},
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
    "CarvalueDataOld": (
        {"carvalue_model_data_as_of_timestamp_seconds": "1x40", "carvalue_data_old_after_seconds": "600x40"},
        {
            "carvalue_model_data_as_of_timestamp_seconds": "1x40",
            "carvalue_data_old_after_seconds": "15552000x40",
        },
    ),
    "CarvalueModelMissing": ({"carvalue_model_version": "0x40"}, {"carvalue_model_version": "3x40"}),
    "CarvalueModelRefused": (
        {'carvalue_model_refusals_total{reason="BundleCorrupt"}': "0x20 1x20"},
        {'carvalue_model_refusals_total{reason="BundleCorrupt"}': "1x40"},
    ),
    "CarvalueCanaryStopped": (
        {'carvalue_canary_stops_total{reason="prices"}': "0x20 1x20"},
        {'carvalue_canary_stops_total{reason="prices"}': "1x40"},
    ),
    "CarvalueRegistryDown": ({"carvalue_registry_up": "0x40"}, {"carvalue_registry_up": "1x40"}),
    "CarvalueWatcherDown": ({'up{job="watcher"}': "0x40"}, {'up{job="watcher"}': "1x40"}),
    "CarvalueWatcherStuck": (
        {"carvalue_watcher_up": "0x40"},
        {"carvalue_watcher_up": "1x40", "carvalue_watcher_last_check_timestamp_seconds": "0+60x40"},
    ),
    "CarvalueAlertsUndelivered": (
        {'carvalue_alert_deliveries_waiting{receiver="mail"}': "2x40"},
        {'carvalue_alert_deliveries_waiting{receiver="mail"}': "0x40"},
    ),
    "CarvaluePipelineFailed": (
        {'carvalue_pipeline_last_run_success{dag="initial_model_dag"}': "0x40"},
        {'carvalue_pipeline_last_run_success{dag="initial_model_dag"}': "1x40"},
    ),
    "CarvalueAirflowDown": (
        {"carvalue_airflow_up": "0x40", 'up{job="airflow"}': "1x40"},
        {"carvalue_airflow_up": "1x40", 'up{job="airflow"}': "1x40"},
    ),
    "CarvalueAirflowPartDown": (
        {'carvalue_airflow_part_up{part="scheduler"}': "0x40"},
        {'carvalue_airflow_part_up{part="scheduler"}': "1x40"},
    ),
    "CarvaluePageDown": ({'up{job="page"}': "1x5 0x30"}, {'up{job="page"}': "1x40"}),
    "CarvalueMetricsMissing": (
        {name: "1x40" for name in NEEDED if "scheduler" not in name},
        dict.fromkeys(NEEDED, "1x40"),
    ),
    "CarvalueDiskFilling": (
        {"carvalue_disk_free_bytes": "9000000000x40", "carvalue_disk_size_bytes": "100000000000x40"},
        {"carvalue_disk_free_bytes": "11000000000x40", "carvalue_disk_size_bytes": "100000000000x40"},
    ),
    "CarvalueCertificateExpiring": (
        {'probe_ssl_earliest_cert_expiry{instance="page"}': "1000000x200"},
        {"certmanager_certificate_expiration_timestamp_seconds": "5000000x200"},
    ),
}
OK, FAILED = 'status="200"', 'status="500"'
REQUESTS = 'carvalue_http_requests_total{route="/predict",instance="%s",%s}'
# rule -> cases of two instances, each with whether the rule must fire
TWO_INSTANCES: dict[str, list[tuple[bool, dict[str, str]]]] = {
    "CarvalueServiceDown": [
        (
            True,
            {'up{job="price-service",instance="a"}': "1x40", 'up{job="price-service",instance="b"}': "0x40"},
        )
    ],
    "CarvalueWatcherStuck": [
        (
            fires,
            {
                'carvalue_watcher_last_check_timestamp_seconds{instance="a"}': "0+60x40",
                'carvalue_watcher_last_check_timestamp_seconds{instance="b"}': second,
            },
        )
        for second, fires in (("60x40", True), ("0x40", False))
    ],
    "CarvalueErrorBudgetBurningFast": [
        (
            True,  # one of two replicas fails each request
            {
                REQUESTS % ("a", OK): "0+50x40",
                REQUESTS % ("b", OK): "0x40",
                REQUESTS % ("b", FAILED): "0+50x40",
            },
        ),
        (
            True,  # the quotes of one replica wait for the journal, although the watcher is up to date
            {
                'carvalue_journal_lag_seconds{instance="a"}': "0x40",
                'carvalue_journal_lag_seconds{instance="b"}': "0+60x40",
                'carvalue_watcher_lag_seconds{instance="w"}': "0x40",
            },
        ),
        (
            True,  # one replica drops quotes
            {
                'carvalue_quotes_total{version="4",instance="a"}': "0+500x40",
                'carvalue_quotes_total{version="4",instance="b"}': "0+500x40",
                'carvalue_journal_dropped_total{reason="disk",instance="b"}': "0+5x40",
            },
        ),
        (
            False,
            {
                'carvalue_quotes_total{version="4",instance="a"}': "0+500x40",
                'carvalue_journal_dropped_total{reason="disk",instance="a"}': "0x40",
                'carvalue_journal_lag_seconds{instance="a"}': "100x40",
                'carvalue_watcher_lag_seconds{instance="w"}': "100x40",
            },
        ),
    ],
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
    "CarvalueOutboxFilling": [
        (
            fires,
            {
                'carvalue_outbox_bytes{instance="a"}': f"{waiting}x40",
                'carvalue_outbox_limit_bytes{instance="a"}': "64000000x40",
                'carvalue_outbox_bytes{instance="b"}': "40000000x40",
                'carvalue_outbox_limit_bytes{instance="b"}': "256000000x40",
            },
        )
        for waiting, fires in ((60_000_000, True), (30_000_000, False))
    ],
}
AT = "25m"
LATER = {"CarvalueErrorBudgetBurningSlowly": "8h", "CarvalueCertificateExpiring": "90m"}
STEP = {"CarvalueErrorBudgetBurningSlowly": "2m"}  # of the series and of the evaluation
GONE = (
    "CarvalueServiceDown",
    "CarvaluePageDown",
    "CarvalueWatcherDown",
    "CarvalueAirflowDown",
    "CarvalueMetricsMissing",
)
FAST, SLOWLY = "CarvalueErrorBudgetBurningFast", "CarvalueErrorBudgetBurningSlowly"
SUCCEEDED, ENDED_BADLY = REQUESTS % ("a", OK), REQUESTS % ("a", FAILED)
SLOW = 'carvalue_http_request_seconds_bucket{route="/predict",le="%s"}'
# what happens: series, and when which alert fires or does not
BURNS: dict[str, tuple[dict[str, str], list[tuple[str, str, bool]]]] = {
    "0.2 % of the requests fail for days": (
        {SUCCEEDED: "0+998x500", ENDED_BADLY: "0+2x500"},
        [("8h", FAST, False), ("8h", SLOWLY, True)],
    ),
    "all requests fail for ten minutes": (
        {SUCCEEDED: "0+100x200 20000x10 20000+100x60", ENDED_BADLY: "0x200 0+100x10 1000x60"},
        [("3h", FAST, False), ("209m", FAST, True), ("255m", FAST, False)],
    ),
    "a night without visitors, and three of twenty requests fail": (
        {SUCCEEDED: "0x60 0+1x17 17x20", ENDED_BADLY: "0x60 0+1x3 3x34"},
        [("75m", FAST, False)],
    ),
    "5 % of the quotes are slow": (
        {SLOW % "0.25": "0+95x500", SLOW % "+Inf": "0+100x500"},
        [("8h", FAST, False), ("8h", SLOWLY, True)],
    ),
    "20 % of the quotes are slow": (
        {SLOW % "0.25": "0+80x100", SLOW % "+Inf": "0+100x100"},
        [("90m", FAST, True)],
    ),
    "no series": ({'up{job="page"}': "1x500"}, [("8h", FAST, False), ("8h", SLOWLY, False)]),
}


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


@pytest.mark.parametrize("name", GONE)
def test_a_part_that_vanished_is_an_alert(promtool: str, tmp_path: Path, name: str) -> None:
    assert _fires(promtool, tmp_path, name, {"other": "1x40"})


def test_a_disk_that_will_be_full_within_a_day_is_an_alert(promtool: str, tmp_path: Path) -> None:
    size = {"carvalue_disk_size_bytes": "100000000000x40"}
    falling = {"carvalue_disk_free_bytes": "29000000000-50000000x40"}

    assert _fires(promtool, tmp_path, "CarvalueDiskFilling", size | falling)


@pytest.mark.parametrize("happening", BURNS)
def test_an_error_budget_alert_fires_by_rate_and_duration(
    promtool: str, tmp_path: Path, happening: str
) -> None:
    series, expected = BURNS[happening]

    for at, name, fires in expected:
        assert _fires(promtool, tmp_path, name, series, at=at) == fires, (at, name)


def _rules_for(name: str) -> Mapping[str, Any]:
    """Return the rule with this name and what it needs, which promtool evaluates much faster than all."""
    objectives, alerts = rule_file()["groups"]
    (rule,) = [rule for rule in alerts["rules"] if rule["alert"] == name]
    needed = [objectives] if "carvalue:" in rule["expr"] else []
    return {"groups": [*needed, {**alerts, "rules": [rule]}]}


def _fires(promtool: str, folder: Path, name: str, series: dict[str, str], *, at: str = "") -> bool:
    """Ask promtool whether it fires, by expecting that it does not."""
    (folder / "rules.yml").write_text(json.dumps(_rules_for(name)))
    test = {
        "interval": STEP.get(name, "1m"),
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [{"eval_time": at or LATER.get(name, AT), "alertname": name, "exp_alerts": []}],
    }
    (folder / "test.yml").write_text(json.dumps({"rule_files": ["rules.yml"], "tests": [test]}))
    checked = subprocess.run(
        [promtool, "test", "rules", "test.yml"], cwd=folder, capture_output=True, text=True, timeout=60
    )
    output = checked.stdout + checked.stderr
    assert checked.returncode == 0 or f"alertname: {name}" in output, output
    return checked.returncode != 0
