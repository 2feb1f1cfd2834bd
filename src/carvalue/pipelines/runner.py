"""Run a pipeline in this process, from any of its steps on."""

import time
from collections.abc import Callable

from carvalue.errors import AppError
from carvalue.pipelines.definitions import Pipeline, Step
from carvalue.pipelines.steps import work_folder
from carvalue.settings import Settings

Say = Callable[[str], None]

# Threads that wait in a busy loop take the processor from those that they wait for: on a machine with other
# work, training took 7 times as long. OpenMP reads this once, when the first library loads it.
THREAD_ENVIRONMENT = {"OMP_WAIT_POLICY": "passive"}


class StepNotFound(AppError):
    """A step that the pipeline does not have; names those that it has."""

    status, hint = 404, ""


def run_pipeline(pipeline: Pipeline, settings: Settings, *, start: str | None = None, say: Say) -> None:
    """Run the steps in order, telling how far it is.

    Args:
        pipeline: what to run.
        settings: what the steps are given.
        start: the step to resume at; the files of the steps before it are still there. None: the first.
        say: takes one line of progress.

    Raises:
        StepNotFound: names the steps that there are.
    """
    steps = _steps_from(pipeline, start)
    skipped = len(pipeline.steps) - len(steps)
    for number, step in enumerate(steps, start=skipped + 1):
        say(f"{pipeline.name} {number}/{len(pipeline.steps)} {step.name} ...")
        began = time.perf_counter()
        step.run(settings=settings, work=work_folder(settings, pipeline.name))
        say(f"{pipeline.name} {number}/{len(pipeline.steps)} {step.name} took {_seconds_since(began)}")


def _steps_from(pipeline: Pipeline, start: str | None) -> tuple[Step, ...]:
    names = [step.name for step in pipeline.steps]
    if start is None:
        return pipeline.steps
    if start not in names:
        raise StepNotFound(f"{pipeline.name} has no step {start!r}: expected {', '.join(names)}.")
    return pipeline.steps[names.index(start) :]


def _seconds_since(began: float) -> str:
    return f"{time.perf_counter() - began:.1f} s"
