"""A pipeline as an Airflow DAG; the only module that knows Airflow."""

import logging
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, Asset, BaseOperator, Context, chain
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from carvalue.errors import AppError
from carvalue.logs import fold_fields
from carvalue.pipelines.definitions import PIPELINES, Pipeline, Step
from carvalue.pipelines.promotion_steps import answer
from carvalue.pipelines.retraining_steps import NothingToLearn
from carvalue.pipelines.steps import work_folder
from carvalue.settings import load_settings

logger = logging.getLogger(__name__)

WORTH_ANOTHER_TRY = frozenset({429, 502, 503, 504})  # the other side was busy, away or slow
RETRY_DELAY = timedelta(seconds=5)
ANSWER_WITHIN = timedelta(days=7)  # the next run of the pipeline waits for it; after that it is a no


def as_dag(pipeline: Pipeline, *, schedule: str = "") -> DAG:
    """Wire the steps up, one task each; `schedule` is cron's, empty where data or people start a run."""
    with DAG(
        dag_id=pipeline.name,
        schedule=Asset(pipeline.awaits) if pipeline.awaits else schedule or None,
        doc_md=pipeline.doc,
        max_active_runs=1,  # runs share their working files
        catchup=False,
        tags=["carvalue"],
    ) as dag:
        chain(*(task for step in pipeline.steps for task in _tasks(pipeline, step)))
    return dag


class ApprovalOperator(HITLOperator):
    """Asks a person before a step, unless there is nothing to ask; who does not answer in time says no."""

    APPROVE, REJECT = "Approve", "Reject"

    def __init__(self, *, pipeline: str, step: str, **kwargs: Any) -> None:
        super().__init__(
            subject=f"{step}?",  # the task itself says what for
            options=[self.APPROVE, self.REJECT],
            defaults=self.REJECT,
            response_timeout=ANSWER_WITHIN,
            **kwargs,
        )
        self.pipeline, self.step = pipeline, step

    def execute(self, context: Context) -> Any:
        """Ask, and wait without taking a worker's place."""
        settings = load_settings()
        asks = _step(self.pipeline, self.step).asks
        asked = asks(settings=settings, work=work_folder(settings, self.pipeline)) if asks else None
        if asked is None:
            return None
        self.subject, self.body = asked.subject, asked.body
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Keep the answer for the step, which goes on in either case: a no is an outcome, not a failure."""
        said = super().execute_complete(context, event)
        user = said["responded_by_user"]
        answer(
            work=work_folder(load_settings(), self.pipeline),
            person=user["name"] if user else f"nobody within {ANSWER_WITHIN.days} days",
            approved=said["chosen_options"] == [self.APPROVE],
        )
        return None


def _tasks(pipeline: Pipeline, step: Step) -> list[BaseOperator]:
    if step.asks is None or load_settings().promotion_approval == "none":
        return [_task(pipeline, step)]
    asking = ApprovalOperator(
        task_id=f"approve_{step.name}",
        pipeline=pipeline.name,
        step=step.name,
        doc_md=ApprovalOperator.__doc__,
    )
    return [asking, _task(pipeline, step)]


def _task(pipeline: Pipeline, step: Step) -> PythonOperator:
    produced = [Asset(pipeline.produces)] if pipeline.produces else []
    return PythonOperator(
        task_id=step.name,
        python_callable=run_step,
        op_kwargs={"pipeline": pipeline.name, "step": step.name},
        retries=step.retries,
        retry_delay=RETRY_DELAY,
        retry_exponential_backoff=True,
        doc_md=step.doc,
        outlets=produced if step is pipeline.steps[-1] else [],
        show_return_value_in_logs=False,
    )


def run_step(*, pipeline: str, step: str) -> None:
    """Run one step in a task; say an expected failure in one line, try again only where it may help.

    Raises:
        AirflowSkipException: there is nothing to do; the steps that follow are skipped.
        AirflowFailException: the step would fail again in the same way.
        AppError: another try may succeed.
    """
    for handler in logging.getLogger().handlers:
        handler.addFilter(fold_fields)  # Airflow's own would drop an event's fields
    try:
        settings = load_settings()
        _step(pipeline, step).run(settings=settings, work=work_folder(settings, pipeline))
    except NothingToLearn as news:
        logger.info("%s ends the run: %s", step, news)
        raise AirflowSkipException(str(news)) from None
    except AppError as error:
        logger.error("%s failed: %s", step, error)  # noqa: TRY400  # the message says all; a trace hides it
        if error.status in WORTH_ANOTHER_TRY:
            raise
        raise AirflowFailException(str(error)) from None


def _step(pipeline: str, name: str) -> Step:
    return next(step for step in PIPELINES[pipeline].steps if step.name == name)
