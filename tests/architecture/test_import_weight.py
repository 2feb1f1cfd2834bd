"""Commands and DAG files import no heavy library."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = (
    "polars",
    "xgboost",
    "mlflow",
    "pandas",
    "matplotlib",
    "optuna",
    "starlette",
    "streamlit",
    "kagglehub",
)


TRAINING = (
    "carvalue.pricing.training",
    "carvalue.pricing.evaluation",
    "carvalue.pricing.estimator",
    "carvalue.pricing.additive.fitting",
)


def modules_after(code: str) -> set[str]:
    report = "import sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.splitlines()[-1].split())


def loaded_after(code: str) -> set[str]:
    return {name.split(".")[0] for name in modules_after(code)}


@pytest.mark.parametrize(
    "code",
    [
        "import carvalue.cli",
        "import carvalue.pipelines.definitions, carvalue.pipelines.runner",
        "import carvalue.platform.lifecycle, carvalue.platform.build",
    ],
)
def test_commands_and_definitions_load_nothing_heavy(code: str) -> None:
    assert not loaded_after(code) & {*HEAVY, "airflow"}


def test_the_service_loads_nothing_that_only_training_needs() -> None:
    loaded = modules_after("import carvalue.serving.app")

    libraries = {"xgboost", "sklearn", "scipy", "pandas", "mlflow", "pyarrow"}
    assert not {name.split(".")[0] for name in loaded} & libraries
    assert [name for name in loaded if f"{name}.".startswith(tuple(f"{part}." for part in TRAINING))] == []
