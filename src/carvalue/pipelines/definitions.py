"""The pipelines: their steps in order, and what each hands to the other."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from carvalue.errors import AppError
from carvalue.pipelines import promotion_steps, retraining_steps, steps
from carvalue.settings import Settings


class PipelineNotFound(AppError):
    """A pipeline that does not exist; names those that do."""

    status, hint = 404, ""


class StepFunction(Protocol):
    """What a step does, with the settings and the folder of its pipeline's working files."""

    __name__: str

    def __call__(self, *, settings: Settings, work: Path) -> None:
        """Do it."""


class QuestionFunction(Protocol):
    """The question before a step; None where there is nothing to ask."""

    def __call__(self, *, settings: Settings, work: Path) -> promotion_steps.ApprovalQuestion | None:
        """Put it together from the working files."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step: reads what the step before left in files, calls a room, leaves files for the next.

    Attributes:
        run: does it; its name is the step's name and its docstring the step's page.
        retries: how often another try may help; a step fails at once where it cannot.
        asks: what a person may have to say yes to before; only Airflow asks.
    """

    run: StepFunction
    retries: int = 1  # a task whose process is killed is not to blame
    asks: QuestionFunction | None = None

    @property
    def name(self) -> str:
        """What the step is called on the console, in Airflow and in `--from`."""
        return self.run.__name__

    @property
    def doc(self) -> str:
        """What the step does, for its page."""
        return self.run.__doc__ or ""


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """Steps in order.

    Attributes:
        name: the DAG's id.
        doc: what it is for, in Markdown.
        steps: in order; each needs the one before.
        produces: name of the data that its last step publishes, if another pipeline waits for it.
        awaits: name of the data whose publication starts it.
    """

    name: str
    doc: str
    steps: tuple[Step, ...]
    produces: str | None = None
    awaits: str | None = None


DATASETS = "datasets"

CREATES_DATASETS = Pipeline(
    name="creates_datasets_dag",
    doc="""
### From raw listings to datasets

Downloads raw listings, cleans them, splits them by time and by car, and publishes the train, validation and
test sets together with the reference that live requests are compared with. Publishing starts
`initial_model_dag`.

*Where the listings come from* is the setting `DATA_SOURCE`; `make up` hands a changed setting to the tasks.
*Running it again* is safe: each step writes aside and renames, so readers see the old data or the new, whole.
*Clearing a task* resumes there, with the files that the tasks before it left.
""",
    steps=(
        Step(run=steps.download, retries=2),  # Kaggle has its hiccups
        Step(run=steps.clean),
        Step(run=steps.split),
        Step(run=steps.publish),
        Step(run=steps.publish_reference),
    ),
    produces=DATASETS,
)

TRAINING = (
    Step(run=steps.tune),
    Step(run=steps.train),
    Step(run=steps.evaluate),
    Step(run=steps.register),
    Step(run=promotion_steps.judge),
    Step(run=promotion_steps.promote, asks=promotion_steps.question),
)
"""From the current datasets to a decision about production."""

INITIAL_MODEL = Pipeline(
    name="initial_model_dag",
    doc="""
### From datasets to a model in production

Searches for good parameters, trains, measures on cars that the model has not seen, registers the model in
MLflow, brings it to every gate, and promotes it if it passes all of them.

*Started by* the datasets that `creates_datasets_dag` publishes, or by hand.
*How much it searches* is the setting `TRAINING_BUDGET`; *where the trees grow* is `TRAINING_CLUSTER`.
*A model that is not promoted* is not a failure: the log of `judge` gives the reasons, and so does MLflow.
""",
    steps=TRAINING,
    awaits=DATASETS,
)

RETRAIN_MODEL = Pipeline(
    name="retrain_model_dag",
    doc="""
### From the newest listings and reported sales to the next version

Fetches the newest listings, joins what quoted cars were sold for (from 200 sales on), brings earlier prices
to the level of the newest if the market has moved, publishes datasets and drift reference, trains, and lets
the new version into production if it passes the gates of any other.

*Started by* the watcher's alarms (drift, live accuracy, coverage; `RETRAIN_ON_ALARM`), the clock
(`RETRAIN_SCHEDULE`), here by hand, or by `carvalue retrain`.
*Nothing new* since the version in production learned: the run ends in green after `skip_if_unchanged`.
*A version that is refused* is no failure: production stays, the log of `judge` gives the reasons, and the
watcher tells people. *A run that fails* leaves production as it is, too.
""",
    steps=(
        Step(run=steps.download, retries=2),
        Step(run=steps.clean),
        Step(run=retraining_steps.join_sales),
        Step(run=retraining_steps.adjust_prices),
        Step(run=steps.split),
        Step(run=retraining_steps.skip_if_unchanged),
        Step(run=steps.publish),
        Step(run=steps.publish_reference),
        *TRAINING,
    ),
)

PIPELINES = {pipeline.name: pipeline for pipeline in (CREATES_DATASETS, INITIAL_MODEL, RETRAIN_MODEL)}


def find(name: str) -> Pipeline:
    """Find a pipeline by its name.

    Raises:
        PipelineNotFound: names those that there are.
    """
    if name not in PIPELINES:
        raise PipelineNotFound(f"No pipeline {name!r}: expected {' or '.join(PIPELINES)}.")
    return PIPELINES[name]
