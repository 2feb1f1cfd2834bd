"""A newcomer finds the answer within two clicks of the front page."""

import pytest

from website import Website

ANSWERS = {
    "How do I change the port?": ("how-to/change-settings.html#change-a-port", "SERVICE_PORT"),
    "Where is the false-alarm rate set?": (
        "how-to/change-settings.html#change-the-false-alarm-rate-of-drift-detection",
        "CONFIRMED_PER_100K",
    ),
    "What does low mean?": ("reference/glossary.html#low", "Lower end of the 90 % range"),
    "How do I give a client an API key?": ("how-to/manage-api-keys.html", "carvalue keys new"),
    "Where are quotes stored?": ("how-to/operate.html#inspect-the-quote-journal", "service/journal.db"),
    "How do I go back to the previous model?": ("how-to/manage-versions.html", "carvalue rollback"),
    "What starts a retraining?": ("explanation/retraining-loop.html#triggers", "confirmed drift"),
    "What do I do when drift is confirmed?": (
        "how-to/respond-to-alerts.html#carvaluedriftconfirmed",
        "find out whether the cars or a client changed",
    ),
    "How do I get alerts in Slack?": ("how-to/send-alerts.html", "hooks.slack.com"),
    "How do I price a CSV file?": ("how-to/score-files.html", "carvalue score INPUT OUTPUT"),
    "How do I train on a file with other columns?": ("how-to/map-columns.html#example", "posting_date"),
    "How accurate is the model?": ("benchmarks/model.html#accuracy", "median absolute percentage error"),
    "Which conditions must a version pass?": ("explanation/promotion.html#gates", "no bad slice"),
    "How do I back up the platform?": ("how-to/back-up-and-restore.html", "carvalue backup"),
    "How do I upgrade?": ("how-to/upgrade.html", "make up"),
    "How do I deploy on AWS?": ("how-to/deploy-aws.html#install", "terraform apply"),
    "How many requests may a client send?": ("reference/settings.html#rate_limit", "requests a second"),
    "How is the range computed?": ("explanation/model.html#conformal-intervals", "Mondrian"),
    "What happens while MLflow is down?": (
        "how-to/respond-to-alerts.html#carvalueregistrydown",
        "keeps quoting with its version",
    ),
    "What does an alert's state mean?": ("explanation/monitoring.html#drift-detection", "insufficient data"),
    "Which Python call prices a listing?": ("reference/python-api/index.html", "PriceModel"),
}


@pytest.mark.parametrize("question", ANSWERS)
def test_the_answer_is_within_two_clicks(website: Website, question: str) -> None:
    address, phrase = ANSWERS[question]
    name, _, anchor = address.partition("#")

    assert website.within_two_clicks.get((name, anchor), 3) <= 2
    assert not anchor or anchor in website.pages[name].anchors
    assert phrase in website.pages[name].section(anchor)
