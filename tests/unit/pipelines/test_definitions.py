"""The definitions of the pipelines."""

from carvalue.pipelines.definitions import CREATES_DATASETS, INITIAL_MODEL, PIPELINES, RETRAIN_MODEL, TRAINING


def test_the_pipelines_are_called_as_documented() -> None:
    assert list(PIPELINES) == ["creates_datasets_dag", "initial_model_dag", "retrain_model_dag"]


def test_the_datasets_start_the_training() -> None:
    assert CREATES_DATASETS.produces
    assert CREATES_DATASETS.produces == INITIAL_MODEL.awaits


def test_every_step_says_what_it_does() -> None:
    for pipeline in PIPELINES.values():
        assert pipeline.doc.strip()
        assert all(step.doc.strip() for step in pipeline.steps)
        assert not any("Args:" in step.doc for step in pipeline.steps)


def test_a_retraining_has_the_training_and_promotion_steps_of_the_first_model() -> None:
    assert RETRAIN_MODEL.steps[-len(TRAINING) :] == INITIAL_MODEL.steps
    assert "publish_reference" in [step.name for step in RETRAIN_MODEL.steps]
    assert RETRAIN_MODEL.awaits is None
    assert RETRAIN_MODEL.produces is None  # its datasets start no second training
