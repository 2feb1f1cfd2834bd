"""Alertmanager notifies the receivers of ALERT_URLS, each by a route of its own."""

from typing import Any

import pytest

from carvalue.monitoring.alerting import BadAlertUrl
from carvalue.platform.observability.tools import ALERTMANAGER
from carvalue.settings import Settings

ADDRESSES = "from=a@example.com&to=b@example.com"


def mail_of(url: str) -> dict[str, Any]:
    files = ALERTMANAGER.files(Settings.model_validate({"alert_urls": url}))
    (mail,) = files["alertmanager.yml"]["receivers"][1]["email_configs"]
    return dict(mail)


@pytest.mark.parametrize(
    ("url", "smarthost", "starttls"),
    [
        (f"smtp://mail.example.com/?{ADDRESSES}", "mail.example.com:587", False),
        (f"smtp://me:secret@mail.example.com/?{ADDRESSES}", "mail.example.com:587", True),
        (f"smtps://me:secret@mail.example.com/?{ADDRESSES}", "mail.example.com:465", False),
        (f"smtps://me:secret@mail.example.com:2465/?{ADDRESSES}", "mail.example.com:2465", True),
    ],
)
def test_the_port_and_starttls_follow_the_url(url: str, smarthost: str, *, starttls: bool) -> None:
    mail = mail_of(url)

    assert (mail["smarthost"], mail["require_tls"]) == (smarthost, starttls)


def test_each_receiver_has_a_route_of_its_own() -> None:
    urls = "console:,jsons://me:secret@hooks.example.com/a,pagerduty://A1BRTD4JDA1BRTD4JDA1BRTD4JD1234@KEY,ntfys://t"
    files = ALERTMANAGER.files(Settings.model_validate({"alert_urls": urls}))
    configuration = files["alertmanager.yml"]

    nobody, hook, pager = configuration["receivers"]  # ntfy gets the watcher's alerts from the watcher
    assert nobody == {"name": configuration["route"]["receiver"]}
    assert hook["webhook_configs"][0]["url"] == "https://hooks.example.com/a"
    assert hook["webhook_configs"][0]["http_config"] == {
        "follow_redirects": False,
        "basic_auth": {"username": "me", "password": "secret"},
    }
    assert pager["pagerduty_configs"][0]["routing_key"] == "A1BRTD4JDA1BRTD4JDA1BRTD4JD1234"
    routes = configuration["route"]["routes"]
    assert [(route["receiver"], route["continue"]) for route in routes] == [
        (hook["name"], True),
        (pager["name"], True),
    ]


@pytest.mark.parametrize("lacking", ["from=a@example.com", "to=b@example.com"])
def test_a_url_that_lacks_an_address_is_named(lacking: str) -> None:
    with pytest.raises(BadAlertUrl, match=r"mail\.example\.com"):
        mail_of(f"smtp://mail.example.com/?{lacking}")
