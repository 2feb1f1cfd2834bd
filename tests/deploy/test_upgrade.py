"""An upgrade of compose.yaml keeps the old replicas until their successors are ready."""

import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parents[2] / "deploy" / "upgrade.py"
# `ps` lists two old replicas, and two more after `up --no-recreate`
COMPOSE = """#!/bin/sh
echo "compose $*" >> calls
case "$*" in
  *--no-recreate*) touch started ;;
  ps*) echo old-1; echo old-2; [ ! -e started ] || { echo new-1; echo new-2; } ;;
esac
"""
DOCKER = """#!/bin/sh
echo "docker $*" >> calls
case "$*" in exec*) exit "$READY" ;; esac
"""


def upgrade(folder: Path, *, ready: bool, patience_s: int = 300) -> tuple[int, list[str]]:
    """Run the program with fakes of Docker; give its exit code and the calls."""
    for name, text in (("docker-compose", COMPOSE), ("docker", DOCKER)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    code = f"import upgrade; upgrade.PATIENCE_S = {patience_s}; upgrade.main()"
    given = {
        "PATH": f"{folder}:/usr/bin:/bin",
        "PYTHONPATH": str(PROGRAM.parent),
        "READY": "0" if ready else "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=given, capture_output=True, check=False
    )
    return done.returncode, (folder / "calls").read_text().splitlines()


def test_old_replicas_stop_when_their_successors_are_ready(tmp_path: Path) -> None:
    code, calls = upgrade(tmp_path, ready=True)

    steps = [call for call in calls if not call.startswith("compose ps")]
    assert code == 0
    assert steps[0] == "compose run --rm --no-deps migrate"
    assert steps[1].endswith("--no-recreate --scale service=4 service")
    assert [step.split()[2] for step in steps[2:4]] == ["new-1", "new-2"]
    assert steps[4:] == [
        "docker stop old-1 old-2",
        "docker rm old-1 old-2",
        "compose up --detach --wait --scale service=2",
    ]


def test_old_replicas_stay_if_a_successor_does_not_become_ready(tmp_path: Path) -> None:
    code, calls = upgrade(tmp_path, ready=False, patience_s=0)

    assert code == 1
    assert not [call for call in calls if call.startswith("docker stop")]
