"""Trials in MLflow: long learning curves are truncated, and a tag and a warning say so."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import MagicMock

import pytest

from carvalue.pricing.training import Trial
from carvalue.registry.mlflow import tracking


def log_trial(monkeypatch: pytest.MonkeyPatch, *, points: int) -> MagicMock:
    client = MagicMock()

    @contextmanager
    def connect(_: str) -> Iterator[MagicMock]:
        yield client

    monkeypatch.setattr(tracking, "connect_mlflow", connect)
    curve = tuple(0.5 for _ in range(points))
    trial = Trial(number=3, params={}, error=0.5, rounds=points, seconds=1.0, pruned=False, curve=curve)
    tracking.TrainingRun(uri="u", run_id="r", experiment_id="1").log_trial(trial)
    return client


def logged_points(client: MagicMock) -> int:
    metrics = client.log_batch.call_args.kwargs["metrics"]
    return sum(metric.key == "validation_error" for metric in metrics)


def test_a_short_learning_curve_is_logged_completely(monkeypatch: pytest.MonkeyPatch) -> None:
    client = log_trial(monkeypatch, points=tracking.MAX_CURVE_POINTS)

    assert logged_points(client) == 900
    assert tracking.TRUNCATED_TAG not in client.create_run.call_args.kwargs["tags"]


def test_a_truncated_learning_curve_has_a_tag_and_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        client = log_trial(monkeypatch, points=1_500)

    assert logged_points(client) == 900
    assert client.create_run.call_args.kwargs["tags"][tracking.TRUNCATED_TAG] == "first 900 of 1500 points"
    assert "learning curve truncated" in caplog.messages
