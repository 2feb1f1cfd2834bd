"""What the process manager runs for a service: end what an earlier crash left of it, then become it.

A server that is killed leaves its workers behind, and they keep its port: without this, a restart after a
crash would fail for ever with "address already in use".
"""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from carvalue.platform.processes.orphans import process_marks, stop_orphans


@dataclass(frozen=True, kw_only=True)
class LaunchSpec:
    """One command with its whole environment beyond the inherited one."""

    service: str
    state_dir: Path
    command: tuple[str, ...]
    environment: dict[str, str]

    def write(self, path: Path) -> None:
        """Keep it in a file that only its owner reads."""
        path.touch(mode=0o600, exist_ok=True)
        body = {"service": self.service, "state_dir": str(self.state_dir), "command": self.command}
        path.write_text(json.dumps(body | {"environment": self.environment}, indent=1))


def read_launch_spec(path: Path) -> LaunchSpec:
    """Read what `Launch.write` wrote."""
    body = json.loads(path.read_text())
    return LaunchSpec(
        service=body["service"],
        state_dir=Path(body["state_dir"]),
        command=tuple(body["command"]),
        environment=body["environment"],
    )


def exec_service(launch: LaunchSpec) -> None:
    """Replace this process by the service."""
    stop_orphans(state_dir=launch.state_dir, service=launch.service)
    mark = process_marks(state_dir=launch.state_dir, service=launch.service)
    environment = os.environ | launch.environment | mark
    os.execvpe(launch.command[0], launch.command, environment)  # noqa: S606  # the command is our own data


if __name__ == "__main__":
    exec_service(read_launch_spec(Path(sys.argv[1])))
