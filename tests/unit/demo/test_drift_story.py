"""What the demonstration shows of the programs that it runs."""

from carvalue.demo.drift_story import _tell


def test_only_what_the_watcher_tells_is_part_of_the_story() -> None:
    told: list[tuple[str, str]] = []
    output = [
        "2026-11-24 12:00:00,000 INFO uvicorn.error: started\n",
        '{"time": "2026-11-24T12:00:00.000+00:00", "status": 200}\n',
        "WARNING: odometer has drifted\n",
        "  by a third\n",
    ]

    _tell(output, lambda line, *, style="": told.append((line, style)))

    assert told == [
        ("on the watcher's console: WARNING: odometer has drifted", "bold red"),
        ("on the watcher's console:   by a third", "bold red"),
    ]
