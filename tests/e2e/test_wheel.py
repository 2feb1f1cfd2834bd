"""The built wheel installs into an empty environment and builds the platform in an empty folder."""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest

from carvalue.platform.processes.ports import free_port
from platforms import PORTS

pytestmark = pytest.mark.wheel

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "carvalue"
SOURCES = ("pyproject.toml", "README.md", "LICENSE")
INSTALL_LIMIT_S = 1_800.0
COMMAND_LIMIT_S = 900.0
GENERATED = {".pyc", ".so"}


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create a virtual environment that holds nothing but pip."""
    folder = tmp_path_factory.mktemp("environment")
    _run(sys.executable, "-m", "venv", folder)
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def wheel(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy of what the package is made of, outside of the work tree."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    _run(python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder / "dist", folder)
    (built,) = (folder / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(python: Path, wheel: Path) -> Path:
    """Install the wheel with all that the platform needs; return the environment's folder of programs."""
    _run(python, "-m", "pip", "install", "--quiet", f"{wheel}[platform]")
    return python.parent


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create the empty folder in which the commands run."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def settings(installed: Path) -> dict[str, str]:
    """Choose free ports and a small model; everything else has its default."""
    ports = {f"{name.upper()}_PORT": str(free_port()) for name in PORTS}
    return ports | {"DATA_SOURCE": "sample", "SAMPLE_ROWS": "6000", "TRAINING_BUDGET": "quick"}


@pytest.fixture(scope="module")
def built(installed: Path, home: Path, settings: Mapping[str, str]) -> Iterator[str]:
    """Run `carvalue build`, and `carvalue down` after the last test."""
    try:
        yield _run(installed / "carvalue", "build", folder=home, settings=settings)
    finally:
        _run(installed / "carvalue", "down", folder=home, settings=settings)


def test_the_wheel_serves_every_supported_python(wheel: Path) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert wheel.name.startswith(f"carvalue-{version}-cp311-abi3-linux_")


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    kept = {
        path.relative_to(PACKAGE.parent).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and path.suffix not in GENERATED
    }
    with ZipFile(wheel) as archive:
        packed = set(archive.namelist())

    assert any(name.endswith(".json") for name in kept)
    assert kept - packed == set()
    assert "carvalue/pricing/trees/_predict.abi3.so" in packed


def test_predictions_are_native_after_installation(installed: Path, home: Path) -> None:
    code = "from carvalue.pricing.trees.native import is_native_available; print(is_native_available())"

    assert _run(installed / "python", "-c", code, folder=home).strip() == "True"


def test_a_build_ends_with_a_price(built: str, home: Path, settings: Mapping[str, str]) -> None:
    page, service = (f"http://127.0.0.1:{settings[name]}" for name in ("PAGE_PORT", "SERVICE_PORT"))
    car = {"manufacturer": "toyota", "model": "camry", "year": 2015, "odometer": 60_000}

    for line in (page, f"curl {service}/predict", "2015 Camry LE", "bundled sample"):
        assert line in built
    assert httpx.post(f"{service}/predict", json=car, timeout=30).raise_for_status().json()["price"] > 0
    assert httpx.get(page, timeout=30).is_success
    assert [path.name for path in home.iterdir()] == ["var"]


def test_every_service_is_healthy(
    built: str, installed: Path, home: Path, settings: Mapping[str, str]
) -> None:
    status = _run(installed / "carvalue", "status", folder=home, settings=settings)

    assert "airflow-dag-processor" in status
    assert "unhealthy" not in status


def test_airflow_reads_the_dags_of_the_installed_package(
    built: str, installed: Path, home: Path, settings: Mapping[str, str]
) -> None:
    code = "from carvalue.platform.airflow.config import DAGS_FOLDER; print(DAGS_FOLDER)"
    folder = Path(_run(installed / "python", "-c", code, folder=home).strip())

    assert folder.is_relative_to(installed.parent)
    assert len(list(folder.glob("*_dag.py"))) == 3


def _run(*command: str | Path, folder: Path | None = None, settings: Mapping[str, str] | None = None) -> str:
    """Run a command without this environment's Python settings; return what it prints."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL"))}
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=kept | dict(settings or {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=INSTALL_LIMIT_S if "pip" in command else COMMAND_LIMIT_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
