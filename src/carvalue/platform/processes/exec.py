"""Replace a process by a service after stopping what an earlier crash left of it.

A server that is killed leaves its workers behind, and they keep its port. Without stopping them first, every
restart after a crash would fail with "address already in use".
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from carvalue.files import atomic_write
from carvalue.platform.processes.orphans import process_marks, stop_orphans


@dataclass(frozen=True, kw_only=True)
class LaunchSpec:
    """The command of one service with its environment.

    Attributes:
        service: Name of the service.
        state_dir: State directory of the platform that the service belongs to.
        command: Program and arguments.
        environment: Variables set on top of the inherited environment.
    """

    service: str
    state_dir: Path
    command: tuple[str, ...]
    environment: dict[str, str]

    def write(self, path: Path) -> None:
        """Write the specification as JSON into a file that only its owner can read.

        Args:
            path: File to write; an existing file is replaced.
        """
        body = {"service": self.service, "state_dir": str(self.state_dir), "command": self.command}
        with atomic_write(path, mode=0o600) as temporary:
            temporary.write_text(json.dumps(body | {"environment": self.environment}, indent=1))


def read_launch_spec(path: Path) -> LaunchSpec:
    """Read a specification that `LaunchSpec.write` wrote.

    Args:
        path: File to read.

    Returns:
        The specification.
    """
    body = json.loads(path.read_text())
    return LaunchSpec(
        service=body["service"],
        state_dir=Path(body["state_dir"]),
        command=tuple(body["command"]),
        environment=body["environment"],
    )


def exec_service(launch: LaunchSpec) -> None:
    """Stop the orphans of a service and replace this process by the service; does not return.

    Args:
        launch: What to run.
    """
    stop_orphans(state_dir=launch.state_dir, service=launch.service)
    marks = process_marks(state_dir=launch.state_dir, service=launch.service)
    environment = os.environ | launch.environment | marks
    os.execvpe(launch.command[0], launch.command, environment)  # noqa: S606  # the command is our own data
