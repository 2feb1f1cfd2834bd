"""A pipeline as an Airflow DAG; the only module that knows Airflow."""

import logging
from datetime import timedelta

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, Asset, chain
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from carvalue.errors import AppError
from carvalue.logs import fold_fields
from carvalue.pipelines.definitions import PIPELINES, Pipeline, Step
from carvalue.pipelines.retraining import NothingNew
from carvalue.pipelines.steps import work_folder
from carvalue.settings import load_settings

logger = logging.getLogger(__name__)

WORTH_ANOTHER_TRY = frozenset({429, 502, 503, 504})  # the other side was busy, away or slow
RETRY_DELAY = timedelta(seconds=5)


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
        chain(*(_task(pipeline, step) for step in pipeline.steps))
    return dag


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
    chosen = next(item for item in PIPELINES[pipeline].steps if item.name == step)
    try:
        settings = load_settings()
        chosen.run(settings=settings, work=work_folder(settings, pipeline))
    except NothingNew as news:
        logger.info("%s ends the run: %s", step, news)
        raise AirflowSkipException(str(news)) from None
    except AppError as error:
        logger.error("%s failed: %s", step, error)  # noqa: TRY400  # the message says all; a trace hides it
        if error.status in WORTH_ANOTHER_TRY:
            raise
        raise AirflowFailException(str(error)) from None
