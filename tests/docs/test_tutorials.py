"""The code blocks of the tutorials work.

A comment above each block says how it is tested: `python` (in this process), `shell` (in a folder of its own,
without servers), `file NAME` (written for the shell blocks), or `platform` (needs running servers).
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from carvalue.pricing import PriceModel
from german_listings import write_german_listings
from markets import a_bundle, a_market
from tutorials import blocks

ROOT = Path(__file__).parents[2]
LIMIT_S = 600
ON_THE_PLATFORM = {
    "make build": "test_a_second_build_has_nothing_to_do",
    "make down": "test_down_leaves_nothing",
    "make demo-drift": "test_the_drift_demo_shows_an_alert_and_its_end",
    "make demo-loop": "test_the_loop_demo_retrains_and_rolls_back",
    "curl /predict": "test_the_commands_of_the_tutorials_run_on_the_platform",
    "curl /alerts": "test_the_commands_of_the_tutorials_run_on_the_platform",
    "curl /drift": "test_the_commands_of_the_tutorials_run_on_the_platform",
    "carvalue simulate": "test_the_commands_of_the_tutorials_run_on_the_platform",
    "carvalue retrain": "test_the_commands_of_the_tutorials_run_on_the_platform",
    "carvalue models": "test_the_commands_of_the_tutorials_run_on_the_platform",
    "carvalue rollback": "test_the_commands_of_the_tutorials_run_on_the_platform",
}
"""What the tutorials run on a platform, and the test of `tests/e2e/test_build.py` that runs it there."""

# MLflow's own code and those it imports warn of each other
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def test_every_block_says_how_it_is_tested() -> None:
    untested = [block for block in blocks() if block.language != "text" and not block.how]

    assert len(blocks()) >= 12
    assert untested == []
    assert {block.how.split()[0] for block in blocks() if block.how} == {
        "python",
        "shell",
        "file",
        "platform",
    }


def test_python_blocks_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tmp_path / "var" / "storage" / "work" / "initial_model_dag" / "bundle"
    a_bundle(bundle.parent)
    clean = tmp_path / "var" / "storage" / "work" / "creates_datasets_dag" / "clean"
    clean.mkdir(parents=True)
    a_market(rows=600).write_parquet(clean / "listings.parquet")
    monkeypatch.chdir(tmp_path)

    for block in blocks("python"):
        exec(compile(block.code, block.page, "exec"), {})  # noqa: S102

    assert bundle.is_dir()
    assert PriceModel.load(tmp_path / "camry-bundle").quote({"model": "camry"}).price > 0
    price, low, high = (int(word) for word in capsys.readouterr().out.split()[:3])
    assert low <= price <= high


def test_the_python_model_takes_few_lines() -> None:
    (code,) = (block.code for block in blocks("python") if "CarPriceRegressor" in block.code)

    assert len([line for line in code.splitlines() if line.strip()]) < 15


def test_shell_blocks_run_and_price_a_file(tmp_path: Path) -> None:
    write_german_listings(tmp_path / "autos.csv")
    for block in blocks("file"):
        (tmp_path / block.how.split()[1]).write_text(block.code, encoding="utf-8")
    script = "\n".join(block.code for block in blocks("shell"))

    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    golf, astra = (tmp_path / "priced.csv").read_text().splitlines()[1:]
    assert golf.split(",")[0].isdigit()
    assert astra.split(",")[0].isdigit()
    work = tmp_path / "autos" / "storage" / "work"
    assert (work / "creates_datasets_dag" / "clean" / "cleaning.json").is_file()


def test_blocks_for_the_platform_are_listed_with_their_end_to_end_test() -> None:
    code = "\n".join(block.code for block in blocks("platform"))
    found = re.findall(r"\b(make [\w-]+|carvalue [\w-]+)", code)
    found += [f"curl {route}" for route in re.findall(r"^curl .*\d(/\w+)", code, re.MULTILINE)]
    end_to_end = (ROOT / "tests" / "e2e" / "test_build.py").read_text(encoding="utf-8")

    assert set(found) == ON_THE_PLATFORM.keys()
    assert [test for test in ON_THE_PLATFORM.values() if f"def {test}(" not in end_to_end] == []
