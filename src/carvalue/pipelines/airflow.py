"""Pipelines as Airflow DAGs."""

import logging
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, Asset, BaseOperator, Context, chain
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from carvalue.errors import AppError
from carvalue.logs import fold_fields
from carvalue.pipelines.airflow_cluster import WORKERS, cluster_folder, cluster_tasks, workers_parameter
from carvalue.pipelines.definitions import PIPELINES, Pipeline, Step, shown_doc
from carvalue.pipelines.promotion_steps import save_answer
from carvalue.pipelines.retraining_steps import NothingToLearn
from carvalue.pipelines.steps import work_folder
from carvalue.settings import PipelineSettings, Settings, load_settings

logger = logging.getLogger(__name__)

RETRIED_STATUSES = frozenset({429, 502, 503, 504})  # the other side was overloaded, unreachable or slow
RETRY_DELAY = timedelta(seconds=5)
APPROVAL_TIMEOUT = timedelta(days=7)  # then the answer counts as a rejection; until then the next run waits


def as_dag(pipeline: Pipeline, *, schedule: str = "") -> DAG:
    """Build the DAG of a pipeline, with one task per step.

    Args:
        pipeline: The pipeline.
        schedule: A cron expression or `@once`; empty if the DAG is started by an asset or by people.

    Returns:
        The DAG.
    """
    settings = load_settings()
    with DAG(
        dag_id=pipeline.name,
        schedule=Asset(pipeline.awaits) if pipeline.awaits else schedule or None,
        doc_md=pipeline.doc,
        max_active_runs=1,  # runs share their working files
        catchup=False,
        tags=["carvalue"],
        params={WORKERS: workers_parameter(settings)} if settings.training_workers else {},
    ) as dag:
        tasks = {step.name: _tasks(pipeline, step, settings) for step in pipeline.steps}
        chain(*(task for group in tasks.values() for task in group))
        if settings.training_workers:
            users = [tasks[step.name][-1] for step in pipeline.steps if step.uses_cluster]
            cluster = cluster_tasks()
            cluster.start >> tasks[pipeline.steps[0].name][0]
            users[-1] >> cluster.stop
    return dag


class ApprovalOperator(HITLOperator):
    """Ask a person to approve the next step if it needs approval; no answer in time counts as a rejection.

    Args:
        pipeline: The name of the pipeline.
        step: The name of the step that needs an approval.
        **kwargs: Arguments of Airflow's operator.
    """

    APPROVE, REJECT = "Approve", "Reject"

    def __init__(self, *, pipeline: str, step: str, **kwargs: Any) -> None:
        super().__init__(
            subject=f"{step}?",  # `execute` replaces it
            options=[self.APPROVE, self.REJECT],
            defaults=self.REJECT,
            response_timeout=APPROVAL_TIMEOUT,
            **kwargs,
        )
        self.pipeline, self.step = pipeline, step

    def execute(self, context: Context) -> Any:
        """Ask for the approval and defer the task, so that it does not occupy a worker.

        Args:
            context: Airflow's context of the task.

        Returns:
            None if there is nothing to approve.
        """
        settings = load_settings(PipelineSettings)
        ask = _step(self.pipeline, self.step).approval
        work = work_folder(settings, self.pipeline).read()
        question = ask(settings=settings, work=work) if ask else None
        if question is None:
            return None
        self.subject, self.body = question.subject, question.body
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Save the answer for the step, which runs after a rejection as well and records it.

        Args:
            context: Airflow's context of the task.
            event: The person's response.

        Returns:
            None.
        """
        response = super().execute_complete(context, event)
        user = response["responded_by_user"]
        with work_folder(load_settings(PipelineSettings), self.pipeline).updated() as work:
            save_answer(
                work=work,
                person=user["name"] if user else f"nobody within {APPROVAL_TIMEOUT.days} days",
                approved=response["chosen_options"] == [self.APPROVE],
            )
        return None


def _tasks(pipeline: Pipeline, step: Step, settings: Settings) -> list[BaseOperator]:
    if step.approval is None:
        return [_task(pipeline, step, settings)]
    approval = ApprovalOperator(
        task_id=f"approve_{step.name}",
        pipeline=pipeline.name,
        step=step.name,
        doc_md=shown_doc(ApprovalOperator.__doc__),
    )
    return [approval, _task(pipeline, step, settings)]


def _task(pipeline: Pipeline, step: Step, settings: Settings) -> PythonOperator:
    own_cluster = cluster_folder(settings).as_uri() if step.uses_cluster and settings.training_workers else ""
    outlets = [Asset(pipeline.produces)] if pipeline.produces else []
    return PythonOperator(
        task_id=step.name,
        python_callable=run_step,
        op_kwargs={"pipeline": pipeline.name, "step": step.name, "own_cluster": own_cluster},
        retries=step.retries,
        retry_delay=RETRY_DELAY,
        retry_exponential_backoff=True,
        doc_md=step.doc,
        outlets=outlets if step is pipeline.steps[-1] else [],
        show_return_value_in_logs=False,
    )


def run_step(*, pipeline: str, step: str, own_cluster: str) -> None:
    """Run one step in an Airflow task; log expected failures in one line, and retry only if that can help.

    Args:
        pipeline: The name of the pipeline.
        step: The name of the step.
        own_cluster: The address of the cluster that this run started for the step; empty if there is none.

    Raises:
        AirflowSkipException: There is nothing to do; the following steps are skipped.
        AirflowFailException: The step failed, and would fail again.
        AppError: The step failed, and a retry can succeed.
    """
    for handler in logging.getLogger().handlers:
        handler.addFilter(fold_fields)  # Airflow's formatters drop the fields of an event
    try:
        settings = load_settings(PipelineSettings)
        if own_cluster:
            settings = settings.model_copy(update={"training_cluster": own_cluster})
        with work_folder(settings, pipeline).updated() as work:
            _step(pipeline, step).run(settings=settings, work=work)
    except NothingToLearn as reason:
        logger.info("%s ends the run: %s", step, reason)
        raise AirflowSkipException(str(reason)) from None
    except AppError as error:
        logger.error("%s failed: %s", step, error)  # noqa: TRY400  # the message is enough
        if error.status in RETRIED_STATUSES:
            raise
        raise AirflowFailException(str(error)) from None


def _step(pipeline: str, name: str) -> Step:
    return next(step for step in PIPELINES[pipeline].steps if step.name == name)
