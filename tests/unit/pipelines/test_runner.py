"""A pipeline runs in order, from the given step, and reports its progress."""

from pathlib import Path

import pytest

from carvalue.errors import AppError
from carvalue.pipelines.definitions import Pipeline, Step
from carvalue.pipelines.runner import StepNotFound, run_pipeline
from carvalue.settings import Settings

DONE: list[str] = []


@pytest.fixture(autouse=True)
def nothing_done() -> None:
    DONE.clear()


def first(*, settings: Settings, work: Path) -> None:
    DONE.append("first")


def second(*, settings: Settings, work: Path) -> None:
    DONE.append("second")


def broken(*, settings: Settings, work: Path) -> None:
    raise AppError("no rows")


def a_pipeline(*steps: Step) -> Pipeline:
    return Pipeline(name="small", doc="", steps=steps or (Step(run=first), Step(run=second)))


def test_steps_run_in_order_and_are_reported(tmp_path: Path) -> None:
    lines: list[str] = []

    run_pipeline(a_pipeline(), Settings(state_dir=tmp_path), report=lines.append)

    assert DONE == ["first", "second"]
    assert [line.split(" took ")[0] for line in lines] == [
        "small 1/2 first ...",
        "small 1/2 first",
        "small 2/2 second ...",
        "small 2/2 second",
    ]


def test_a_pipeline_resumes_at_a_step(tmp_path: Path) -> None:
    run_pipeline(a_pipeline(), Settings(state_dir=tmp_path), start="second", report=DONE.append)

    assert DONE[0] == "small 2/2 second ..."
    assert "first" not in DONE


def test_an_unknown_step_is_refused_with_a_list_of_steps(tmp_path: Path) -> None:
    with pytest.raises(StepNotFound, match="no step 'third': expected first, second"):
        run_pipeline(a_pipeline(), Settings(state_dir=tmp_path), start="third", report=DONE.append)


def test_a_failed_step_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="no rows"):
        run_pipeline(
            a_pipeline(Step(run=broken), Step(run=second)),
            Settings(state_dir=tmp_path),
            report=DONE.append,
        )

    assert DONE == ["small 1/2 broken ..."]  # and nothing of the second
