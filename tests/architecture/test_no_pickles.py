"""No module reads or writes a pickle: write access to a file must not allow running code."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = sorted(path for folder in ("src", "deploy", "dags") for path in (ROOT / folder).rglob("*.py"))
RUN_CODE = {"cloudpickle", "dill", "joblib", "marshal", "pickle", "shelve"}


def suspicious(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (item.name for item in names if item.name.split(".")[0] in RUN_CODE)
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in RUN_CODE:
                yield module
            case ast.keyword(arg="allow_pickle", value=ast.Constant(value=True)):
                yield "allow_pickle=True"
            case ast.Attribute(attr="load_model") if "mlflow" in ast.unparse(node):
                yield "load_model"  # it reads whatever a version was logged as


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_program_reads_a_pickle(path: Path) -> None:
    assert list(suspicious(ast.parse(path.read_text()))) == []


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from joblib import load",
        "np.load(file, allow_pickle=True)",
        "mlflow.xgboost.load_model(uri)",
    ],
)
def test_a_pickle_import_is_detected(text: str) -> None:
    assert list(suspicious(ast.parse(text)))
