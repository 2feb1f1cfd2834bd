"""What the process manager runs for a service: end what an earlier crash left of it, then become it.

A server that is killed leaves its workers behind, and they keep its port: without this, a restart after a
crash would fail for ever with "address already in use".
"""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from carvalue.platform.processes.orphans import marks, stop_leftovers


@dataclass(frozen=True, kw_only=True)
class Launch:
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


def read_launch(path: Path) -> Launch:
    """Read what `Launch.write` wrote."""
    body = json.loads(path.read_text())
    return Launch(
        service=body["service"],
        state_dir=Path(body["state_dir"]),
        command=tuple(body["command"]),
        environment=body["environment"],
    )


def become(launch: Launch) -> None:
    """Replace this process by the service."""
    stop_leftovers(state_dir=launch.state_dir, service=launch.service)
    mark = marks(state_dir=launch.state_dir, service=launch.service)
    environment = os.environ | launch.environment | mark
    os.execvpe(launch.command[0], launch.command, environment)  # noqa: S606  # the command is our own data


if __name__ == "__main__":
    become(read_launch(Path(sys.argv[1])))
