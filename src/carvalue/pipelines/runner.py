"""Run a pipeline in this process, from any of its steps."""

import time
from collections.abc import Callable

from carvalue.errors import AppError
from carvalue.pipelines.definitions import Pipeline, Step
from carvalue.pipelines.steps import work_folder
from carvalue.settings import PipelineSettings

ReportProgress = Callable[[str], None]
"""Shows one line of progress."""

THREAD_ENVIRONMENT = {"OMP_WAIT_POLICY": "passive"}
"""Environment variables for training; they must be set before a library loads OpenMP.

With active waiting, idle threads take CPU time from the threads that they wait for: on a machine with other
work, training took 7 times as long.
"""


class StepNotFound(AppError):
    """The pipeline does not have this step; the message lists its steps."""

    status, hint = 404, ""


def run_pipeline(
    pipeline: Pipeline, settings: PipelineSettings, *, start: str | None = None, report: ReportProgress
) -> None:
    """Run the steps of a pipeline in order, and report the progress.

    Args:
        pipeline: The pipeline to run.
        settings: The settings passed to the steps.
        start: The name of the step to start at; it uses the files of an earlier run of the steps before. None
            starts at the first step.
        report: Shows one line of progress.

    Raises:
        StepNotFound: The pipeline has no step `start`.
        AppError: A step failed.
    """
    steps = _steps_from(pipeline, start)
    skipped = len(pipeline.steps) - len(steps)
    for number, step in enumerate(steps, start=skipped + 1):
        report(f"{pipeline.name} {number}/{len(pipeline.steps)} {step.name} ...")
        began = time.perf_counter()
        with work_folder(settings, pipeline.name).updated() as work:
            step.run(settings=settings, work=work)
        report(f"{pipeline.name} {number}/{len(pipeline.steps)} {step.name} took {_seconds_since(began)}")


def _steps_from(pipeline: Pipeline, start: str | None) -> tuple[Step, ...]:
    names = [step.name for step in pipeline.steps]
    if start is None:
        return pipeline.steps
    if start not in names:
        raise StepNotFound(f"{pipeline.name} has no step {start!r}: expected {', '.join(names)}.")
    return pipeline.steps[names.index(start) :]


def _seconds_since(began: float) -> str:
    return f"{time.perf_counter() - began:.1f} s"
