"""The definitions of the pipelines: their steps in order, and what starts them."""

import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from carvalue.errors import AppError
from carvalue.pipelines import promotion_steps, retraining_steps, steps
from carvalue.settings import PipelineSettings

SECTION = re.compile(r"^(?:Args|Attributes|Example|Raises|Returns|Yields):$", re.MULTILINE)


class PipelineNotFound(AppError):
    """There is no pipeline of this name; the message lists the existing ones."""

    status, hint = 404, ""


class StepFunction(Protocol):
    """The function of a step."""

    __name__: str

    def __call__(self, *, settings: PipelineSettings, work: Path) -> None:
        """Run the step.

        Args:
            settings: The settings of the program.
            work: The folder of the pipeline's working files.
        """


class ApprovalFunction(Protocol):
    """The function that builds the question to a person before a step."""

    def __call__(self, *, settings: PipelineSettings, work: Path) -> promotion_steps.ApprovalQuestion | None:
        """Build the question from the working files.

        Args:
            settings: The settings of the program.
            work: The folder of the pipeline's working files.

        Returns:
            The question; None if no approval is needed.
        """


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a pipeline: it reads files of earlier steps and writes files for later ones.

    Attributes:
        run: The function of the step; its name is the step's name, its docstring the step's documentation.
        retries: The number of retries in Airflow; errors for which a retry cannot help fail at once.
        approval: Builds the question that a person has to answer before the step; only Airflow asks it.
        uses_cluster: Whether the step runs tasks on a cluster, if there is one.
    """

    run: StepFunction
    retries: int = 1  # for tasks whose process is killed
    approval: ApprovalFunction | None = None
    uses_cluster: bool = False

    @property
    def name(self) -> str:
        """The step's name on the console, in Airflow and in the option `--from`."""
        return self.run.__name__

    @property
    def doc(self) -> str:
        """The step's documentation in Airflow, without the sections on arguments and errors."""
        return shown_doc(self.run.__doc__)


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """A pipeline.

    Attributes:
        name: The id of the DAG.
        doc: The pipeline's documentation in Airflow, in Markdown.
        steps: The steps in order; each needs the files of the one before.
        produces: The name of the Airflow asset that the last step updates; None if there is none.
        awaits: The name of the Airflow asset whose update starts the pipeline; None if there is none.
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

*The source of the listings* is the setting `DATA_SOURCE`; run `make up` to apply a changed setting.
*Running it again* is safe: each step writes a temporary file and renames it, so that readers never see
incomplete data.
*Clearing a task* resumes there, with the files of the tasks before it.
""",
    steps=(
        Step(run=steps.download, retries=2),  # Kaggle has transient errors
        Step(run=steps.clean, uses_cluster=True),
        Step(run=steps.split, uses_cluster=True),
        Step(run=steps.publish),
        Step(run=steps.publish_reference, uses_cluster=True),
    ),
    produces=DATASETS,
)

TRAINING = (
    Step(run=steps.tune, uses_cluster=True),
    Step(run=steps.train, uses_cluster=True),
    Step(run=steps.evaluate),
    Step(run=steps.refit, uses_cluster=True),
    Step(run=steps.register),
    Step(run=promotion_steps.judge),
    Step(run=promotion_steps.promote, approval=promotion_steps.approval_question),
)
"""The steps from the current datasets to a promotion decision."""

INITIAL_MODEL = Pipeline(
    name="initial_model_dag",
    doc="""
### From datasets to a model in production

Tunes the hyperparameters, trains a model, evaluates it on the test cars, fits it again on all listings,
registers it in MLflow, runs the acceptance gates, and promotes the model if it passes all of them.

*Started by* the datasets that `creates_datasets_dag` publishes, or manually.
*The extent of the search* is the setting `TRAINING_BUDGET`;
*a cluster that fits the model* is the setting `TRAINING_CLUSTER` or, for one per run, `TRAINING_WORKERS`.
*A model that is not promoted* is not a failure: the log of `judge` has the reasons, and so has MLflow.
""",
    steps=TRAINING,
    awaits=DATASETS,
)

RETRAIN_MODEL = Pipeline(
    name="retrain_model_dag",
    doc="""
### From the newest listings and reported sales to the next version

Fetches the newest listings, adds reported sales of quoted cars (if there are at least 200), adjusts earlier
prices to the level of the newest if the market has moved, publishes datasets and the drift reference, trains
a model, and promotes the new version if it passes the same gates as every version.

*Started by* the watcher's alarms (drift, live accuracy, coverage; `RETRAIN_ON_ALARM`), the clock
(`RETRAIN_SCHEDULE`), manually here, or by `carvalue retrain`.
*If the listings are those of the version in production*, the run ends successfully after `skip_if_unchanged`.
*A version that is refused* is not a failure: production is unchanged, the log of `judge` has the reasons, and
the watcher sends a notification. *A run that fails* leaves production unchanged, too.
""",
    steps=(
        Step(run=steps.download, retries=2),
        Step(run=steps.clean, uses_cluster=True),
        Step(run=retraining_steps.adjust_prices, uses_cluster=True),
        Step(run=retraining_steps.join_sales),
        Step(run=steps.split, uses_cluster=True),
        Step(run=retraining_steps.skip_if_unchanged),
        Step(run=steps.publish),
        Step(run=steps.publish_reference, uses_cluster=True),
        *TRAINING,
    ),
)

PIPELINES = {pipeline.name: pipeline for pipeline in (CREATES_DATASETS, INITIAL_MODEL, RETRAIN_MODEL)}
"""Pipeline name to pipeline."""


def find(name: str) -> Pipeline:
    """Find a pipeline by its name.

    Args:
        name: The id of the DAG.

    Returns:
        The pipeline.

    Raises:
        PipelineNotFound: There is no such pipeline; the message lists the existing ones.

    Example:
        >>> [step.name for step in find("initial_model_dag").steps]
        ['tune', 'train', 'evaluate', 'refit', 'register', 'judge', 'promote']
    """
    if name not in PIPELINES:
        raise PipelineNotFound(f"No pipeline {name!r}: expected {' or '.join(PIPELINES)}.")
    return PIPELINES[name]


def shown_doc(docstring: str | None) -> str:
    r"""Cut a docstring before its first section, for users who do not call the function themselves.

    Args:
        docstring: A Google-style docstring; None counts as empty.

    Returns:
        The text before the first section, such as `Args:`.

    Example:
        >>> shown_doc("Clean the rows.\n\n    Writes a report.\n\n    Args:\n        work: A folder.")
        'Clean the rows.\n\nWrites a report.'
    """
    return SECTION.split(inspect.cleandoc(docstring or ""), maxsplit=1)[0].strip()
