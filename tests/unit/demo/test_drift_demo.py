"""The demonstration shows the alerts of the programs that it runs."""

from carvalue.demo.drift_demo import _report_alerts


def test_only_alerts_are_shown_and_not_log_lines() -> None:
    shown: list[tuple[str, str]] = []
    output = [
        "2026-11-24 12:00:00,000 INFO uvicorn.error: started\n",
        '{"time": "2026-11-24T12:00:00.000+00:00", "status": 200}\n',
        "WARNING: odometer has drifted\n",
        "  by a third\n",
    ]

    _report_alerts(output, lambda line, *, style="": shown.append((line, style)))

    assert shown == [
        ("on the watcher's console: WARNING: odometer has drifted", "bold red"),
        ("on the watcher's console:   by a third", "bold red"),
    ]
