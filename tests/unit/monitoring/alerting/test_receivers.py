"""URLs of receivers: apprise's syntax, the forms of release 0.2, and what Alertmanager can notify."""

import pytest

from carvalue.monitoring.alerting.receivers import (
    BadAlertUrl,
    JsonHook,
    MailServer,
    PagerDutyService,
    Receiver,
    SlackHook,
    receivers_from_urls,
)

ADDRESSES = "from=cars@example.com&to=you@example.com"
HOOK = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"


def receiver(url: str) -> Receiver:
    (found,) = receivers_from_urls([url])
    return found


@pytest.mark.parametrize("url", [HOOK, HOOK.replace("https://hooks.slack.com/services", "slack:/")])
def test_a_webhook_of_slack_is_read_in_both_forms(url: str) -> None:
    found = receiver(url)

    assert (found.name, found.native, found.deprecated) == ("slack", SlackHook(url=HOOK), "")


def test_mail_has_server_login_and_addresses() -> None:
    found = receiver(
        "mailtos://me:se%40cret@mail.example.com?from=a@example.com&to=b@example.com,c@example.com"
    )

    assert found.native == MailServer(
        host="mail.example.com",
        port=587,
        uses_tls=True,
        sender="a@example.com",
        recipients=("b@example.com", "c@example.com"),
        user="me",
        password="se@cret",
    )


def test_other_services_are_read() -> None:
    pager = receiver("pagerduty://A1BRTD4JDA1BRTD4JDA1BRTD4JD1234@KEY")

    assert pager.native == PagerDutyService(key="A1BRTD4JDA1BRTD4JDA1BRTD4JD1234")
    hook = receiver("jsons://me:secret@hooks.example.com:8443/a").native
    assert hook == JsonHook(url="https://hooks.example.com:8443/a", user="me", password="secret")
    assert receiver("ntfys://topic").native is None


@pytest.mark.parametrize(
    ("url", "port", "uses_tls"),
    [
        (f"smtp://mail.example.com/?{ADDRESSES}", 587, False),
        (f"smtp://me:secret@mail.example.com/?{ADDRESSES}", 587, True),
        (f"smtps://me:secret@mail.example.com/?{ADDRESSES}", 465, True),
        (f"smtps://mail.example.com:2465/?{ADDRESSES}&to=two@example.com", 2465, True),
    ],
)
def test_a_mail_url_of_release_0_2_is_read_for_one_release(url: str, port: int, *, uses_tls: bool) -> None:
    found = receiver(url)

    assert found.deprecated == "mailtos://"
    assert isinstance(found.native, MailServer)
    assert (found.native.host, found.native.port) == ("mail.example.com", port)
    assert found.native.uses_tls == uses_tls
    assert found.native.recipients == ("you@example.com", "two@example.com")[: url.count("to=")]
    assert found.native.password == ("secret" if "secret" in url else "")


def test_a_webhook_url_of_release_0_2_is_read_for_one_release() -> None:
    found = receiver("https://hooks.example.com/one")

    assert (found.deprecated, found.native) == ("jsons://", JsonHook(url="https://hooks.example.com/one"))


@pytest.mark.parametrize(
    "url",
    [
        "pigeon://loft",
        "json://",
        "https://",
        "https://host:port/SECRET",
        "http://[::1/SECRET",
        "mailto:you@example.com",
        "mailto://me:SECRET@mail.example.com?from=cars@example.com&to=you@example.com",  # unencrypted
        "smtp://host/?to=you@example.com",
        "smtps://host/?from=cars@example.com",
        "smtp:///?from=cars@example.com&to=you@example.com",
        "smtp://host:mail/?from=cars@example.com&to=you@example.com",
    ],
)
def test_a_url_of_no_receiver_is_refused_and_not_shown(url: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"), pytest.raises(BadAlertUrl) as refused:
        receivers_from_urls([url])

    assert "SECRET" not in str(refused.value) + caplog.text


def test_receivers_of_one_host_are_told_apart() -> None:
    urls = [f"json://hooks.example.com/{path}" for path in "abc"]

    assert [found.name for found in receivers_from_urls(urls)] == [
        "webhook hooks.example.com",
        "webhook hooks.example.com 2",
        "webhook hooks.example.com 3",
    ]
