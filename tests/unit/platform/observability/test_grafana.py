"""Grafana's provisioning alerts the receivers of ALERT_URLS when Prometheus or Alertmanager is down."""

import json
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import alerting

from carvalue.monitoring.alerting import BadAlertUrl
from carvalue.platform.observability.grafana import alerting_files, mail_options

HOOK = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
MAIL = "mailtos://me:se%40cret@mail.example.com:2525?from=a@example.com&to=b@example.com,c@example.com"


def provisioned(*urls: str) -> dict[str, Any]:
    files = alerting_files(urls)
    return {name.rpartition("/")[2].removesuffix(".yaml"): dict(content) for name, content in files.items()}


def test_the_rule_fires_without_data() -> None:
    (group,) = provisioned()["rules"]["groups"]
    (rule,) = group["rules"]

    assert (rule["noDataState"], rule["execErrState"]) == ("Alerting", "Alerting")
    query, threshold = rule["data"]
    assert query["model"]["expr"] == 'min(up{job="alertmanager"})'
    assert threshold["model"]["expression"] == query["refId"]
    assert rule["condition"] == threshold["refId"]


def test_the_rule_is_of_grafanas_schema() -> None:
    (group,) = provisioned()["rules"]["groups"]
    (rule,) = group["rules"]
    read = alerting.Rule.from_json({**rule, "data": []})

    assert read.to_json().items() >= {name: value for name, value in rule.items() if name != "data"}.items()
    for query in rule["data"]:
        around = {name: value for name, value in query.items() if name != "model"}
        assert json.loads(JSONEncoder().encode(alerting.Query.from_json(around))) == around


def test_each_receiver_is_a_contact_point() -> None:
    (people,) = provisioned("console:", HOOK, MAIL)["contact_points"]["contactPoints"]

    slack, mail = people["receivers"]
    assert (slack["type"], slack["settings"]) == ("slack", {"url": HOOK})
    assert (mail["type"], mail["settings"]) == ("email", {"addresses": "b@example.com;c@example.com"})
    assert slack["uid"] != mail["uid"]
    for receiver in (slack, mail):
        assert alerting.ContactPoint.from_json(receiver).to_json() == receiver


@pytest.mark.parametrize(
    ("urls", "receiver"), [((HOOK,), "people"), (("console:",), "grafana-default-email")]
)
def test_the_policy_names_a_contact_point_that_is_there(urls: tuple[str, ...], receiver: str) -> None:
    found = provisioned(*urls)

    (policy,) = found["policies"]["policies"]
    assert policy["receiver"] == receiver
    assert bool(found["contact_points"]["contactPoints"]) == (receiver == "people")


def test_mail_goes_by_the_server_of_the_url() -> None:
    assert mail_options((HOOK, MAIL)) == {
        "smtp.enabled": "true",
        "smtp.host": "mail.example.com:2525",
        "smtp.from_address": "a@example.com",
        "smtp.user": "me",
        "smtp.password": "se@cret",
    }
    assert mail_options((HOOK,)) == {}


def test_mail_over_tls_has_the_port_that_the_watcher_uses() -> None:
    url = "smtps://me:secret@mail.example.com/?from=a@example.com&to=b@example.com"

    assert mail_options((url,))["smtp.host"] == "mail.example.com:465"


@pytest.mark.parametrize("lacking", ["from=a@example.com", "to=b@example.com"])
def test_a_mail_url_that_lacks_an_address_is_named(lacking: str) -> None:
    url = f"smtp://mail.example.com/?{lacking}"

    with pytest.raises(BadAlertUrl, match=r"mail\.example\.com"):
        mail_options((url,))
