"""Entry point that supervisord runs for each service: `python -m carvalue.platform.processes FILE`."""

import sys
from pathlib import Path

from carvalue.platform.processes.exec import exec_service, read_launch_spec

if __name__ == "__main__":
    exec_service(read_launch_spec(Path(sys.argv[1])))
