"""Move the deployment of compose.yaml to RELEASE, forth or back, while the price service answers.

It needs nothing but Python and Docker. Databases are migrated first; the previous release can use them. Then
each replica of the price service gets a successor, and stops when all successors are ready. At last the other
containers are replaced.
"""

import shutil
import subprocess
import sys
import time

READY = ("python", "/app/containers/start.py", "healthy", "http://127.0.0.1:9696/readyz")
PATIENCE_S = 300


def main() -> None:
    """Upgrade; if a new replica does not become ready, exit with an error and keep the old ones."""
    old = replicas()
    if not old:
        sys.exit("upgrade: the price service does not run: expected what `docker compose up` started.")
    compose("run", "--rm", "--no-deps", "migrate")
    new = add_successors(old)
    for container in new:
        wait_until_ready(container)
    docker("stop", *old)
    docker("rm", *old)
    compose("up", "--detach", "--wait", "--scale", f"service={len(new)}")


def replicas() -> list[str]:
    """Give the ids of the running containers of the price service."""
    return compose("ps", "--quiet", "--status", "running", "service").split()


def add_successors(old: list[str]) -> list[str]:
    """Start as many replicas of the new release beside those of the old one; give their ids."""
    scale = f"service={2 * len(old)}"
    compose("up", "--detach", "--no-deps", "--no-recreate", "--scale", scale, "service")
    return [container for container in replicas() if container not in old]


def wait_until_ready(container: str) -> None:
    """Wait until a replica can quote: it has loaded the model in production.

    Args:
        container: Id of the container.
    """
    deadline = time.monotonic() + PATIENCE_S
    while _started("docker", "exec", container, *READY).returncode:
        if time.monotonic() > deadline:
            sys.exit(
                f"upgrade: the new replica {container[:12]} is not ready after {PATIENCE_S} s; see its log."
            )
        time.sleep(1)


def compose(*words: str) -> str:
    """Run Docker Compose in this folder.

    Args:
        words: Arguments.

    Returns:
        Its output.
    """
    program = ("docker-compose",) if shutil.which("docker-compose") else ("docker", "compose")
    return _run(*program, *words)


def docker(*words: str) -> None:
    """Run Docker.

    Args:
        words: Arguments.
    """
    _run("docker", *words)


def _run(*command: str) -> str:
    done = _started(*command)
    if done.returncode:
        sys.exit(f"upgrade: {' '.join(command[:4])} failed: {done.stderr[-3000:]}")
    return done.stdout


def _started(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603


if __name__ == "__main__":
    main()
